"""What each request finds in the prefix cache, holds of it, and leaves in it.

Tokens that requests have in common are named, not written out: a request's prompt begins with the first
`prefix_tokens` tokens of the stream `prefix`. When the whole prompt is of the stream, as in a conversation, so
is the answer, and the next turn finds it. Blocks filled while decoding can be found once their request has
left. A preempted request finds those of its own blocks that nobody took meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lab.vllm_sim.kv import BlockPool, Prefix, blocks_for

if TYPE_CHECKING:
    from lab.vllm_sim.requests import Request, Sequence


@dataclass(frozen=True, slots=True)
class Hit:
    """What the cache has for a request: leading blocks of its stream, then of its own; `tokens` in all.

    `need` is how many free blocks its whole prefill takes, revived ones included.
    """

    shared: int
    own: int
    tokens: int
    need: int


class PrefixCache:
    """The KV blocks by sequence. `blind` makes every lookup fail, as when routing or a prompt's head changes."""

    def __init__(self, blocks: BlockPool, block_size: int, *, enabled: bool) -> None:
        self.blocks = blocks
        self.size = block_size
        self.enabled = enabled
        self.blind = False
        self._streams: dict[str, Prefix] = {}

    def find(self, seq: Sequence) -> Hit:
        """Look up a request that is to be computed up to `seq.target` tokens; at least one is always computed."""
        request, size = seq.request, self.size
        shared = own = held = tokens = 0
        if not self.blind:
            most = (seq.target - 1) // size
            stream = self._stream(request)
            if stream is not None:
                shared = min(stream.cached, most, self._stream_blocks(request, seq.target))
                held = min(shared, stream.held)
            if seq.own is not None and shared == seq.own_from:
                own = min(seq.own.cached, most - shared)
            tokens = max((shared + own) * size, request.cached_tokens)
        return Hit(shared, own, tokens, blocks_for(seq.target, size) - held)

    def begin(self, seq: Sequence, hit: Hit) -> None:
        """Give a request the blocks that were found for it, and those of its cached share."""
        stream = self._stream(seq.request)
        seq.shared, seq.follows = hit.shared, stream is not None and not self.blind
        if stream is not None and hit.shared:
            self.blocks.hold(stream, hit.shared)
        if seq.own is not None:
            self.blocks.reclaim(seq.own, hit.own)
            seq.own = None
        self.blocks.take(blocks_for(hit.tokens, self.size) - hit.shared - hit.own)
        seq.prefilled = hit.tokens

    def computed(self, seq: Sequence) -> None:
        """Let others find the blocks of the stream that `seq` has filled up to `seq.prefilled`."""
        if not seq.follows:
            return
        full = min(seq.prefilled // self.size, self._stream_blocks(seq.request, seq.prefilled))
        if full > seq.shared:
            self._extend(seq, full)

    def leave(self, seq: Sequence, computed: int, blocks: int, *, preempted: bool) -> None:
        """Free the `blocks` blocks of a sequence with KV for `computed` tokens, its last block first."""
        mine, keep, own = blocks - seq.shared, 0, 0
        stream = self._stream(seq.request)
        if seq.follows and stream is not None and self._is_end(seq, stream):
            full = min(computed // self.size, self._stream_blocks(seq.request, computed))
            keep = max(0, full - seq.shared)
        if preempted and self.enabled and not keep:
            own = computed // self.size - seq.shared
        self.blocks.give(mine - keep - own)
        if own > 0:
            seq.own, seq.own_from = Prefix(), seq.shared
            self.blocks.keep(seq.own, own)
        if stream is not None:
            self.blocks.keep(stream, keep)
            if seq.shared:
                self.blocks.let_go(stream, seq.shared)
        seq.shared, seq.follows = 0, False

    def forget(self, seq: Sequence) -> None:
        """Give up what a preempted request left, as it will not come back."""
        if seq.own is not None:
            self.blocks.reclaim(seq.own, 0)
            seq.own = None

    def _extend(self, seq: Sequence, full: int) -> None:
        stream = self._streams[seq.request.prefix or ""]
        if not self._is_end(seq, stream):
            # Somebody else's blocks say the same: these stay the sequence's own.
            seq.follows = False
            return
        if not seq.shared:
            self.blocks.hold(stream, 0)
        self.blocks.extend(stream, seq.shared, full)
        seq.shared = full

    @staticmethod
    def _is_end(seq: Sequence, stream: Prefix) -> bool:
        return stream.cached == seq.shared

    def _stream(self, request: Request) -> Prefix | None:
        if request.prefix is None or not self.enabled:
            return None
        return self._streams.setdefault(request.prefix, Prefix())

    def _stream_blocks(self, request: Request, tokens: int) -> int:
        """Return how many whole blocks of a sequence of `tokens` tokens are of its stream."""
        whole = request.prefix_tokens >= request.prompt_tokens
        return (tokens if whole else min(tokens, request.prefix_tokens)) // self.size
