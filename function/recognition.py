"""How a credential is recognized in what people write: by the name it has, or by its format.

The patterns mean the same to RE2, which the API server uses, and to Python. None takes more than
linear time.
"""

import re
from typing import Final

NAME: Final = (
    r"(?:.*[^A-Za-z0-9])?(?i:key|access[-_. ]?key[-_. ]?id|pass|pwd|pw|pat|jwt|creds?"
    r"|[a-z0-9]*(?:api|access|secret|private|master|auth|account|encryption|signing)[-_. ]?keys?"
    r"|[a-z0-9]*token(?:[-_. ]bedrock)?|(?:api|access|auth|bearer|refresh|session)[-_. ]?tokens"
    r"|[a-z0-9]*(?:secret|password|passwd|passphrase|passcode|credential|cookie)s?"
    r"|[a-z0-9]*authorization|auth[-_. ]?value|basic[-_. ]?auth)|.*[a-z0-9]Key"
)
"""Names of values that are credentials, in any spelling: API_KEY, x-api-key, apiKey, dbPassword."""

HARMLESS_NAME: Final = (
    r"(?:.*[^A-Za-z0-9])?(?i:(?:bos|eos|pad|unk|sep|cls|mask|stop|start|end|special|image|audio"
    r"|video|text|input|output|prompt|completion|reasoning|first|last|next|page|continuation|max"
    r"|min|per)[-_. ]?token"
    r"|(?:cache|sort|partition|primary|foreign|public|routing|dedup|idempotency|object|spend|group"
    r"|hash|map|index|lookup|metadata|tag|lock|shard)[-_. ]?key|on[-_. ]?pass)"
)
"""Names that `NAME` matches too, of values that are none: tokens of a text, keys of a table."""

FORMATS: Final = (
    r"(?:^|[^A-Za-z0-9])(?:sk-[-_A-Za-z0-9]{16}|sk-[-_A-Za-z]{0,7}[0-9][-_A-Za-z0-9]{7}"
    r"|(?:gh[opsur]_|github_pat_|glpat-|hf_|gsk_|r8_|lsv2_[a-z]{2}_|A[KS]IA|ABSK|AIza|ya29\."
    r"|xox[a-z]-)[-_A-Za-z0-9]{16}|(?:pplx-|xai-|csk-)[A-Za-z0-9]{16}|nvapi-[-_A-Za-z0-9]{40}"
    r"|dapi[0-9a-f]{32})"
    r"|(?:^|[^-_A-Za-z0-9])eyJ[-_A-Za-z0-9]+\.[-_A-Za-z0-9]+\.[-_A-Za-z0-9]{4}"
    r"|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----|hooks\.slack\.com/[a-z]+/[A-Z0-9]"
    r"|(?:^|[;\s])(?i:password|pwd|accountkey|sharedaccesskey)=[^;\s$]"
)
"""What the keys of providers and common services look like, anywhere in a text."""

# The password of a URL: up to the '@', unless it is the port of a URL with an '@' in its path. A
# reference to a variable, $(NAME), is none.
_PASSWORD: Final = re.compile(
    r"://[^/?#@:\s]*:(?!\$\([^()\s]*\)@)"
    r"(?:[^/?#@\s]{1,256}|(?![0-9]{1,5}[/?#])[^@\s]{1,64})@"
)
_PARAMETER: Final = re.compile(r"[?&#]([-\w.%]{1,64})=([^&#\s\"']+)", re.ASCII)
_NAMES_OF_PARAMETERS: Final = re.compile(r"(?i)(?:x-(?:amz|goog)-)?sig(?:nature)?|code")

_SHORTEST: Final = len("://:x@")
_MAX_NAME: Final = 128
"""How much of a name is looked at, from its end."""

_FORMATS: Final = re.compile(FORMATS)
_NAME: Final = re.compile(NAME, re.DOTALL)
_HARMLESS_NAME: Final = re.compile(HARMLESS_NAME, re.DOTALL)


def names_credential(name: str) -> bool:
    """Whether a value under the name is a credential, if it is a literal at all."""
    name = name[-_MAX_NAME:]
    return _NAME.fullmatch(name) is not None and not names_other(name)


def names_other(name: str) -> bool:
    """Whether the name is known for values that are none, though it sounds like a credential's."""
    return _HARMLESS_NAME.fullmatch(name) is not None


def holds_credential(text: str) -> bool:
    """Whether a text holds a credential by its format: a known key, or a URL with one in it."""
    if len(text) < _SHORTEST:
        return False
    return (
        _FORMATS.search(text) is not None
        or ("://" in text and _PASSWORD.search(text) is not None)
        or any(
            names_credential(name) or _NAMES_OF_PARAMETERS.fullmatch(name) is not None
            for name, value in (_PARAMETER.findall(text) if "=" in text else ())
            if not value.startswith(("$(", "os.environ/"))
        )
    )
