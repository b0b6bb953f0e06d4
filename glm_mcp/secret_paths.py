"""What stays closed: places and names that hold secrets, and what is no usable path.

    secret     key folders, password stores, browser profiles, key files: whatever the settings
    guarded    names that mostly hold a secret: unless the settings allow that very file

Pure functions on text; nothing here touches a disk.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from glm_mcp.atomic_files import NO_LINK, READING
from glm_mcp.errors import ForbiddenPath, InvalidRequest
from glm_mcp.text import one_line

PATH_MAX = 4096  # characters; what Linux takes
NAME_MAX = 255  # bytes of one component, on every file system in common use
DEEPEST = 100  # folders of a new file's path, which are made one within the other

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

_FOLDERS_BY_FIRST = {
    first: [run for run in _FOLDERS if run[0] == first] for first in {run[0] for run in _FOLDERS}
}

_NAMES = frozenset(
    {
        ".netrc", "_netrc", ".pgpass", "pgpass.conf", ".npmrc", ".pypirc", ".git-credentials", ".gitcookies", ".env",
        ".envrc", ".htpasswd", ".my.cnf", ".mylogin.cnf", ".s3cfg", ".boto", ".vault-token", ".rclone.conf",
        ".dockercfg", ".authinfo", ".authinfo.gpg", ".yarnrc.yml", ".terraformrc", "keyring.gpg", "secring.gpg",
        "key3.db", "key4.db", "logins.json", "cookies.sqlite", "login data", "wallet.dat", "shadow", "gshadow",
        "master.passwd", ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history",
    }
)  # fmt: skip
_SLIDES = b"PK\3\4"  # what the presentations of Keynote begin with, whose files end in .key as well
_ENDINGS = (
    ".key", ".p12", ".pfx", ".p8", ".kdb", ".kdbx", ".ppk", ".jks", ".keystore", ".keychain", ".keychain-db",
    ".agekey", ".opvault", ".1pux", ".env",
)  # fmt: skip
_KEY_FILE = re.compile(r"id_(?:rsa|dsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk|xmss)(?!.*\.pub$)(?:[._~-].*)?")

# What editors, packagers and people add to the name of a file that they keep a copy of; and, in front of its suffix too, what
# browsers and desktops add to the second of a name. A digit alone ends the pages of manuals too.
_KEPT = (
    r"[#~]|\.~\d+~|\.(?:bak|backup|bkp|copy|old|orig|save?|saved|sw[a-p]|tmp|rpm(?:save|orig|new)"
    r"|(?:dpkg|ucf)-(?:old|new|dist|tmp|bak))(?:\.?\d{1,3})?|[._-]\d{4}(?:-\d\d-\d\d|\d{2,10})?|(?<=\.env)\.\d{1,3}"
)
_AGAIN = r"(?:(?: - |[ _-])copy(?: ?\d{1,3})?| ?\(\d{1,3}\))"
_COPY = re.compile(
    rf"\A(?:#|copy of )|{_AGAIN}{{1,3}}(?=(?:\.[a-z0-9-]{{1,12}}){{1,2}}\Z)|(?:{_KEPT}|{_AGAIN}){{1,9}}\Z"
)

# The settings file of this server, which holds the API key, and what `install` notes of a client's, which may.
_OWN = {("glm-mcp", "env"), ("glm-mcp", "installed.json")}

# What people and tools call a file that mostly, not always, holds a secret.
_GUARDED = re.compile(
    r"kubeconfig(?:\.ya?ml|\.json)?|.*\.kubeconfig|.*\.tfstate(?:\.backup|\.\d+\.backup)?|.*\.tfvars(?:\.json)?"
    r"|credentials(?:\.(?:json|csv|ini|toml|ya?ml))?|(?:.*_)?accesskeys\.csv|rootkey\.csv|client_secrets?.*\.json"
    r"|netrc|npmrc|pgpass|pypirc|secrets\.(?:ya?ml|json|toml)|wg\d+\.conf|.*\.(?:pem|key)",
    re.DOTALL,
)
_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:(?:TRUSTED |X509 )?CERTIFICATE|(?:NEW )?CERTIFICATE REQUEST|X509 CRL|PKCS7|(?:RSA )?PUBLIC KEY"
    rb"|(?:DH|EC) PARAMETERS)-----"
)

_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])(?:[ .:].*)?", re.IGNORECASE
)


def fold(component: str) -> str:
    """A path component as the most forgiving file system would compare it: compatibility forms, case, invisible
    characters and trailing dots and spaces (which Windows drops) do not count.
    """
    if component.isascii():  # of which the forms below are these
        return component.lower().rstrip(" .") or component
    plain = "".join(c for c in unicodedata.normalize("NFKC", component) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", plain.casefold()).rstrip(" .") or component


def _is_slides(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with os.fdopen(os.open(path, READING | NO_LINK), "rb") as file:
            return file.read(len(_SLIDES)) == _SLIDES
    except OSError:
        return False


def is_secret(
    parts: Sequence[str],
    home: Sequence[str] = (),
    file: Path | None = None,
    own: Collection[tuple[str, ...]] = (),
) -> bool:
    """Whether the path of these components lies in a secret folder or has the name of a secret file.

    `home`: the components of the home folder, below which the secret folders of macOS and Windows lie. `file`: where the
    path leads, which is looked into where a key and a presentation may have that name. `own`: files of this server's
    secrets, whatever they are called, as their components `fold` to.
    """
    folded = tuple(fold(part) for part in parts)
    if not folded:
        return False
    last = _COPY.sub("", folded[-1][-NAME_MAX:])  # of an archive it may be of any length
    ends = last.endswith(_ENDINGS) and not (file and last.endswith(".key") and _is_slides(file))
    if last in _NAMES or last.startswith(".env.") or ends or _KEY_FILE.fullmatch(last):
        return True
    if folded in own or (*folded[:-1], last) in own or (*folded[-2:-1], last) in _OWN:
        return True
    at_home = len(home) if home and folded[: len(home)] == tuple(fold(part) for part in home) else None
    return any(
        folded[at : at + len(run)] == run
        for at, part in enumerate(folded)
        if at == at_home or part.startswith(".")
        for run in _FOLDERS_BY_FIRST.get(part, ())
    )


def is_secret_within(path: str) -> bool:
    """Whether a file within another, as an archive or a mail has it, is called as a secret is, or as what mostly holds one:
    no setting can name it. Of a .pem file what goes out is looked through.
    """
    within = PurePosixPath(path.replace("\\", "/"))
    return is_secret(within.parts) or (fold(within.suffix) != ".pem" and is_guarded(within.name))


def is_guarded(*names: str, head: bytes = b"") -> bool:
    """Whether one of the names of a file is that of one that mostly holds a secret. `head`: its first bytes; a .pem file
    that begins with something public is none, and what follows in it is `secret_in`'s business; nor is a presentation.
    """
    folded = [_COPY.sub("", fold(name)) for name in names]
    if _CERTIFICATE.search(head):
        folded = [name for name in folded if not name.endswith(".pem")]
    if head.startswith(_SLIDES):
        folded = [name for name in folded if not name.endswith(".key")]
    return any(_GUARDED.fullmatch(name) for name in folded)


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
    if "\t" in str(path) or one_line(str(path)) != str(path):  # it would be told as another one
        raise InvalidRequest(
            "the name of the file holds control or invisible characters", "Give it without them."
        )


def hidden(path: Path) -> ForbiddenPath:
    return ForbiddenPath(
        f"{path} lies in a hidden place, where only pictures, videos and PDF files are read",
        "Copy it to an ordinary folder, or name its folder in GLM_ALLOWED_DIRS.",
    )


def closed(path: Path, *, may_be_named: bool = False) -> ForbiddenPath:
    """`may_be_named`: whether the settings can allow this very file."""
    hint = "If it is not one, copy it elsewhere under another name."
    if may_be_named:
        hint += " Or add this very file to GLM_ALLOWED_DIRS."
    return ForbiddenPath(
        f"{path} is in a place, or has a name, that holds secrets, and these are never read", hint
    )
