"""LiteLLM's side of the levers: asks forewarn_levers.py how far each is pulled, and pulls it on the requests it sees.

In the proxy's configuration, with this file beside it:

    litellm_settings: {callbacks: forewarn_litellm.levers}
    general_settings: {custom_auth: forewarn_litellm.by_key}   # only where LiteLLM keeps no keys of its own

Settings are environment variables: FOREWARN_LEVERS_URL (default http://127.0.0.1:9842/levers), FOREWARN_MAX_TOKENS
(256), FOREWARN_FALLBACKS ("large=small,…", names of the proxy's models), FOREWARN_KEYS (a JSON file, key → priority).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import requests
from fastapi import HTTPException, Request
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import UserAPIKeyAuth

URL = os.environ.get("FOREWARN_LEVERS_URL", "http://127.0.0.1:9842/levers")
MAX_TOKENS = int(os.environ.get("FOREWARN_MAX_TOKENS", "256"))
FALLBACKS = dict(pair.split("=", 1) for pair in os.environ.get("FOREWARN_FALLBACKS", "").split(",") if "=" in pair)
FRESH_SECONDS, FORGET_SECONDS = 1.0, 60.0
OFF: dict[str, float] = {}


class Shares:
    """The shares as last told: asked for once a second, kept for a minute if nobody answers, then off."""

    def __init__(self) -> None:
        self._shares = OFF
        self._asked = self._told = float("-inf")

    async def now(self) -> dict[str, float]:
        """Each lever's share of traffic. Never raises, never holds a request up for long."""
        moment = time.monotonic()
        if moment - self._asked >= FRESH_SECONDS:
            self._asked = moment
            try:
                self._shares = await asyncio.to_thread(self._ask)
                self._told = moment
            except (requests.RequestException, ValueError, LookupError, TypeError, AttributeError):
                if moment - self._told > FORGET_SECONDS:
                    self._shares = OFF
        return self._shares

    @staticmethod
    def _ask() -> dict[str, float]:
        shares = requests.get(URL, timeout=0.5).json()["shares"]
        return {str(name): float(share) for name, share in shares.items()}


class Dice:
    """Picks a share of calls evenly: every second one for a half."""

    def __init__(self) -> None:
        self._sum = 0.0

    def falls(self, share: float) -> bool:
        """Whether this call is among the share."""
        self._sum += share
        if self._sum < 1:
            return False
        self._sum -= 1
        return True


class Levers(CustomLogger):
    """The hook that LiteLLM calls before each request."""

    def __init__(self) -> None:
        super().__init__()
        self._shares = Shares()
        self._dice = {name: Dice() for name in ("shorten", "shed", "fallback")}

    async def async_pre_call_hook(
        self,
        user_api_key_dict: UserAPIKeyAuth,
        cache: object,  # noqa: ARG002  LiteLLM's signature
        data: dict[str, Any],
        call_type: str,
    ) -> dict[str, Any]:
        """Shed, shorten or reroute one request; leaves it as it is while no lever is pulled."""
        shares = await self._shares.now()
        low = (user_api_key_dict.metadata or {}).get("priority") == "low"
        if low and self._dice["shed"].falls(shares.get("shed", 0.0)):
            raise HTTPException(429, "low-priority load is shed while capacity is short", {"Retry-After": "30"})
        if call_type in ("completion", "acompletion", "text_completion", "atext_completion"):
            if self._dice["shorten"].falls(shares.get("shorten", 0.0)):
                _shorten(data, call_type)
            if data.get("model") in FALLBACKS and self._dice["fallback"].falls(shares.get("fallback", 0.0)):
                data["model"] = FALLBACKS[data["model"]]
        return data


def _shorten(data: dict[str, Any], call_type: str) -> None:
    """Cap the output; a request that sets no limit gets one."""
    name = "max_completion_tokens" if data.get("max_completion_tokens") is not None else "max_tokens"
    asked = data.get(name)
    if asked is None and call_type.endswith("text_completion"):
        return  # a plain completion without a limit asks for 16 tokens
    data[name] = MAX_TOKENS if asked is None else min(asked, MAX_TOKENS)


@cache
def _keys() -> dict[str, str]:
    keys: dict[str, str] = json.loads(Path(os.environ["FOREWARN_KEYS"]).read_text(encoding="utf-8"))
    return keys


async def by_key(request: Request, api_key: str) -> UserAPIKeyAuth:  # noqa: ARG001  LiteLLM's signature
    """Let in the keys of FOREWARN_KEYS, each with its priority."""
    for key, priority in _keys().items():
        if hmac.compare_digest(key.encode(), api_key.encode()):
            return UserAPIKeyAuth(api_key=api_key, metadata={"priority": priority})
    raise HTTPException(401, "unknown key")


levers = Levers()
