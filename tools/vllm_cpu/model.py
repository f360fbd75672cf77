"""Write a tiny Llama without weights: what vLLM needs to start with `--load-format dummy`.

    .venv-vllm/bin/python tools/vllm_cpu/model.py DIRECTORY

Runs inside the vLLM environment (it needs `tokenizers`). The same files come out at every run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Only the vLLM environment has it.
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # type: ignore[import-not-found]

VOCABULARY = 320
MAX_LENGTH = 2048
BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"

MERGE_TEXT = (
    "the queue grows before the user feels pain and the cache fills before the engine preempts requests; "
    "a cold replica serves its first tokens late, and an empty answer looks like success to a load balancer"
)
"""Text from which the tokens beyond single bytes are learnt; any fixed text does."""

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_act": "silu",
    "max_position_embeddings": MAX_LENGTH,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "vocab_size": VOCABULARY,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}

TOKENIZER_CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_max_length": MAX_LENGTH,
    "bos_token": BEGIN,
    "eos_token": END,
    "pad_token": PAD,
    "clean_up_tokenization_spaces": False,
    "chat_template": (
        "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}{% endfor %}"
    ),
}

GENERATION_CONFIG = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "do_sample": True}


def tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer of exactly `VOCABULARY` tokens: any text encodes, and nothing is unknown."""
    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[BEGIN, END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    built.train_from_iterator([MERGE_TEXT], trainer)
    return built


def write_model(folder: Path) -> None:
    """Write the model's files into `folder`, which is created if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        "config.json": CONFIG,
        "tokenizer_config.json": TOKENIZER_CONFIG,
        "generation_config.json": GENERATION_CONFIG,
    }
    for name, content in parts.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    tokenizer().save(str(folder / "tokenizer.json"))


def main() -> int:
    """Run the command line: one argument, the folder."""
    if len(sys.argv) != 2:  # noqa: PLR2004  the program and its one argument
        sys.stderr.write("usage: model.py DIRECTORY\n")
        return 2
    write_model(Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
