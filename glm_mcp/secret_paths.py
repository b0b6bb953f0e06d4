"""What stays closed whatever the settings say: places and names that hold secrets, private keys, what is no usable path.

Pure functions on text; nothing here touches a disk.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from glm_mcp.errors import ForbiddenPath, InvalidRequest

PATH_MAX = 4096  # characters; what Linux takes
NAME_MAX = 255  # bytes of one component, on every file system in common use
DEEPEST = 100  # folders of a new file's path, which are made one within the other
# They show a name as another one.
_TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))

# Folders, as runs of path components, compared folded (see `fold`). A run that begins with a dot counts anywhere in a
# path; the others, plain words elsewhere, only directly below the home folder.
_FOLDERS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split("/"))
    for line in (
        # keys and logins of tools
        ".ssh", ".gnupg", ".pgp", ".aws", ".azure", ".kube", ".docker", ".oci", ".ibmcloud", ".aliyun", ".tccli",
        ".password-store", ".vault", ".op", ".putty", ".age", ".sops", ".terraform.d", ".config/gcloud", ".config/gh",
        ".config/hub", ".config/glab-cli", ".config/op", ".config/doctl", ".config/rclone", ".config/sops",
        ".config/age", ".config/containers", ".config/glm-mcp", ".config/pypoetry", ".local/share/keyrings",
        ".local/share/kwalletd", ".gnome2/keyrings", ".kde/share/apps/kwallet", ".local/share/password-store",
        "library/keychains", "appdata/roaming/microsoft/credentials", "appdata/local/microsoft/credentials",
        "appdata/roaming/microsoft/protect", "appdata/roaming/microsoft/crypto", "appdata/local/microsoft/vault",
        "appdata/roaming/gnupg", "appdata/roaming/gcloud", "appdata/roaming/github cli",
        "library/application support/gcloud",
        # password managers
        ".config/keepassxc", ".config/bitwarden", ".config/1password", ".keepass", ".bitwarden", ".1password",
        "library/application support/bitwarden", "library/application support/1password",
        "library/group containers/2bua8c4s2c.com.1password", "appdata/roaming/bitwarden", "appdata/local/1password",
        # browser profiles
        ".mozilla", ".config/google-chrome", ".config/google-chrome-beta", ".config/chromium",
        ".config/microsoft-edge", ".config/bravesoftware", ".config/opera", ".config/vivaldi", ".config/mozilla",
        ".librewolf", ".tor-browser", "snap/firefox", "snap/chromium", ".var/app/org.mozilla.firefox",
        ".var/app/com.google.chrome", ".var/app/com.brave.browser", ".var/app/com.microsoft.edge",
        "library/application support/google/chrome", "library/application support/chromium",
        "library/application support/firefox", "library/application support/microsoft edge",
        "library/application support/bravesoftware", "library/application support/arc",
        "library/application support/vivaldi", "library/application support/com.operasoftware.opera",
        "library/safari", "library/cookies", "library/containers/com.apple.safari",
        "appdata/local/google/chrome", "appdata/local/chromium", "appdata/local/microsoft/edge",
        "appdata/local/bravesoftware", "appdata/local/vivaldi", "appdata/roaming/opera software",
        "appdata/roaming/mozilla", "appdata/local/mozilla",
    )
)  # fmt: skip

_NAMES = frozenset(
    {
        ".netrc", "_netrc", ".pgpass", "pgpass.conf", ".npmrc", ".pypirc", ".git-credentials", ".gitcookies", ".env",
        ".envrc", ".htpasswd", ".my.cnf", ".mylogin.cnf", ".s3cfg", ".boto", ".vault-token", ".rclone.conf",
        ".dockercfg", ".authinfo", ".authinfo.gpg", ".yarnrc.yml", ".terraformrc", "keyring.gpg", "secring.gpg",
        "key3.db", "key4.db", "logins.json", "cookies.sqlite", "login data", "wallet.dat", "shadow", "gshadow",
        "master.passwd", ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
    }
)  # fmt: skip
# `.key` is also Apple's slide format; no tool here reads it, so a presentation lost is a message and not a harm.
_ENDINGS = (
    ".pem", ".key", ".p12", ".pfx", ".p8", ".kdb", ".kdbx", ".ppk", ".jks", ".keystore", ".keychain", ".keychain-db",
    ".agekey", ".opvault", ".1pux", ".env",
)  # fmt: skip
_KEY_FILE = re.compile(r"id_(?:rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk|xmss)(?!.*\.pub$)(?:[._~-].*)?")

_OWN_SETTINGS = ("glm-mcp", "env")  # the settings file of this server, which holds the API key

_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    r"|---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----"
    r"|PuTTY-User-Key-File-\d"
    r"|AGE-SECRET-KEY-1|AGE-PLUGIN-[A-Z0-9-]+-1"
    r"|untrusted comment: (?:minisign|signify|rsign) (?:encrypted )?secret key",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])(?:[ .:].*)?", re.IGNORECASE
)


def fold(component: str) -> str:
    """A path component as the most forgiving file system would compare it: compatibility forms, case, invisible
    characters and trailing dots and spaces (which Windows drops) do not count.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", component) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", plain.casefold()).rstrip(" .") or component


def is_secret(parts: Sequence[str], home: Sequence[str] = ()) -> bool:
    """Whether the path of these components lies in a secret folder or has the name of a secret file.

    `home`: the components of the home folder, below which the secret folders of macOS and Windows lie.
    """
    folded = tuple(fold(part) for part in parts)
    if not folded:
        return False
    last = folded[-1]
    if last in _NAMES or last.startswith(".env.") or last.endswith(_ENDINGS) or _KEY_FILE.fullmatch(last):
        return True
    if folded[-2:] == _OWN_SETTINGS:
        return True
    below = folded[len(home) :] if home and folded[: len(home)] == tuple(fold(part) for part in home) else ()
    return any(
        below[: len(run)] == run or (run[0].startswith(".") and _contains(folded, run)) for run in _FOLDERS
    )


def _contains(parts: tuple[str, ...], run: tuple[str, ...]) -> bool:
    return any(parts[i : i + len(run)] == run for i in range(len(parts) - len(run) + 1))


def holds_private_key(text: str) -> bool:
    """Whether a text has the header of a private key: PEM, OpenSSH, PGP, SSH2, PuTTY, age, minisign."""
    return _PRIVATE_KEY.search(text) is not None


def windows_trouble(path: str) -> str:
    """Why a path must not be touched on Windows, or "". Network and device paths would already act when looked at
    (a UNC path sends the user's login hash), so this comes before any call to the system.
    """
    plain = path.replace("/", "\\")
    if plain.startswith("\\\\"):
        return "network and device paths are not read"
    rest = plain
    if re.match(r"[A-Za-z]:", plain):
        if plain[2:3] != "\\":
            return "a path after a drive letter must begin with a backslash"
        rest = plain[2:]
    if ":" in rest:
        return "a colon in a file name means an alternate data stream"
    for part in rest.split("\\"):
        if part not in ("", ".", "..") and part != part.rstrip(" ."):
            return "a name must not end in a dot or space"
        if _DEVICE.fullmatch(part):
            return f"{part} is the name of a device"
    return ""


def check_spelling(text: str) -> None:
    """Raises InvalidRequest, and ForbiddenPath for what already acts when Windows looks at it."""
    if "\0" in text or any(0xD800 <= ord(c) < 0xDC80 or 0xDCFF < ord(c) <= 0xDFFF for c in text):
        raise InvalidRequest("a path must not hold NUL or half a character", "Check the path.")
    if len(text) > PATH_MAX or any(len(os.fsencode(part)) > NAME_MAX for part in Path(text).parts):
        raise InvalidRequest(f"a path of {len(text)} characters is too long: {text[:60]}…", "Check the path.")
    trouble = windows_trouble(text) if os.name == "nt" else ""
    if trouble:
        raise ForbiddenPath(
            f"{text} cannot be used: {trouble}", "Give an ordinary path such as C:\\pictures\\a.png."
        )


def check_new_name(path: Path) -> None:
    """Raises InvalidRequest for what nobody means as the name of a new file, though a file system may take it."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+:|data:.*", path.parts[0] if path.parts else "", re.DOTALL):
        raise InvalidRequest(f"{path} is an address, and a file is written to a path", "Give a path.")
    if len(path.parts) > DEEPEST:
        raise InvalidRequest(f"a file {len(path.parts)} folders deep is not written", "Give a shorter path.")
    if any(unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in _TURNING for c in str(path)):
        raise InvalidRequest("the name of the file holds control characters", "Give it without them.")
