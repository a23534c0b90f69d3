"""Builds and runs what a Dockerfile says, without a Docker engine.

A stage is a folder with a root file system in it, and `chroot` does what a container's start would.
The Debian base image is made by debootstrap from Debian's archive. The distroless one is put
together from the same Debian packages as its project lists; it lacks what no instruction or test
needs: the certificate bundle and the dynamic linker's cache. The two are kept in the tools cache.

Everything is mounted in a mount namespace that ends with the process it was made for: nothing is
left to unmount, whatever happens.
"""

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from tests.support import tools

RELEASES = {"12": "bookworm", "13": "trixie"}

DISTROLESS = {
    # github.com/GoogleContainerTools/distroless: {static,base,cc,python3}/config.bzl.
    "13": (
        *("base-files", "netbase", "tzdata", "tzdata-legacy", "media-types"),
        *("libc6", "libssl3t64", "libzstd1", "zlib1g"),
        *("libgomp1", "libstdc++6", "libgcc-s1", "gcc-14-base"),
        *("libbz2-1.0", "libdb5.3t64", "libexpat1", "liblzma5", "libsqlite3-0", "libuuid1"),
        *("libncursesw6", "libtinfo6", "libcom-err2", "libcrypt1", "libc-bin"),
        *("libgssapi-krb5-2", "libk5crypto3", "libkeyutils1", "libkrb5-3", "libkrb5support0"),
        *("libnsl2", "libreadline8t64", "libtirpc3t64", "libffi8"),
        *("libpython3.13-minimal", "libpython3.13-stdlib", "python3.13-minimal", "python3.13-venv"),
    ),
}
USERS = (
    ("root", 0, "/root"),
    ("nobody", 65534, "/nonexistent"),
    ("nonroot", 65532, "/home/nonroot"),
)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# How this machine reaches package registries. Where a value names files they are lent as well, in
# a place of their own: a build may install what has the same path.
HANDED_OVER = re.compile(
    r"PIP_\w+|(https?|all|no)_proxy|SSL_CERT_FILE|(REQUESTS|CURL)_CA_BUNDLE", re.IGNORECASE
)
LENT = "/lent"
MINUTES = 60.0

# Becomes the command given, with mounts of its own in ROOT: the `unshare` before it sees to that.
# WRITABLE: whether ROOT may be written to; if so it also has this machine's network settings, and
# in LENT the paths that LEND names.
ENTER = """
set -e
bind() {
    mkdir -p "${2%/*}"
    if [ -d "$1" ]; then mkdir -p "$2"; else : >>"$2"; fi
    mount --bind "$1" "$2"
}
# A root can be made read-only by itself only where it is a mount.
mount --bind "$ROOT" "$ROOT"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for device in null zero full random urandom; do bind "/dev/$device" "$ROOT/dev/$device"; done
ln -s /proc/self/fd "$ROOT/dev/fd"
mount -t proc proc "$ROOT/proc"
if [ "$WRITABLE" = yes ]; then
    for path in /etc/resolv.conf /etc/hosts; do bind "$path" "$ROOT$path"; done
    for path in $LEND; do bind "$path" "$ROOT$LENT$path"; done
else
    mount -o remount,bind,ro "$ROOT"
fi
exec "$@"
"""


class DockerfileError(Exception):
    """The Dockerfile says what this module cannot do."""


class BuildError(Exception):
    """A command of the build failed; the text has its output."""


@dataclass(frozen=True)
class Image:
    """A root file system and how to start it."""

    root: Path
    env: Mapping[str, str] = field(default_factory=lambda: {"PATH": PATH})
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def run(self, *command: str, user: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command in a container of this image, its root read-only, and waits for it."""
        return subprocess.run(
            self._container(command, user or self.user),
            env=dict(self.env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=MINUTES,
            check=False,
        )

    @contextmanager
    def start(
        self, *arguments: str, log: Path, user: str = ""
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The entry point in a container of this image, its root read-only, until the block ends.

        The process is the entry point's own, not that of a helper.
        """
        command = (*self.entrypoint, *arguments)
        with (
            log.open("wb") as output,
            subprocess.Popen(
                self._container(command, user or self.user),
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def _container(self, command: Sequence[str], user: str) -> list[str]:
        """The command line of a container: its own mounts, no capabilities, none to be gained."""
        uid, _, gid = user.partition(":")
        # A caller without namespaces of its own: only the root, the folder and the user change.
        inside = ["unshare", f"--root={self.root}", f"--wd={self.workdir}"]
        inside += [f"--setgid={gid or uid}", f"--setuid={uid}"]
        return [
            *_enter(self.root, writable=False),
            *("setpriv", "--no-new-privs", "--clear-groups", *inside, *command),
        ]


def build(dockerfile: Path, scratch: Path) -> Image:
    """Carries out a Dockerfile, its folder being the context, and returns its last stage.

    Raises:
        BuildError: a command of it failed.
        DockerfileError: it has an instruction that is not known here.
    """
    context = _Context(dockerfile.parent)
    stages: dict[str, Image] = {}
    image: Image | None = None
    for line in _lines(dockerfile.read_text()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            # FROM image AS name
            reference, *name = rest.split()
            key = name[1] if name else str(len(stages))
            image = stages[key] = _base(reference, scratch / f"stage-{len(stages)}")
            continue
        if image is None or word not in INSTRUCTIONS:
            raise DockerfileError(f"tests/support/image.py does not know: {line}")
        image = INSTRUCTIONS[word](image, rest, _Sources(context, stages))
        stages[next(reversed(stages))] = image
    if image is None:
        raise DockerfileError("the Dockerfile has no FROM")
    return image


class _Context:
    """The build context: a folder, less what its .dockerignore names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ignore = folder / ".dockerignore"
        lines = ignore.read_text().splitlines() if ignore.exists() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        self._rules = [
            (not pattern.startswith("!"), re.compile(_regex(pattern.removeprefix("!").strip("/"))))
            for pattern in patterns
        ]

    def has(self, path: Path) -> bool:
        """Whether the engine would be sent the file. The last rule that matches it decides."""
        relative = str(path.relative_to(self.folder))
        ignored = False
        for ignores, pattern in self._rules:
            if pattern.fullmatch(relative):
                ignored = ignores
        return not ignored


def _regex(pattern: str) -> str:
    """A pattern of a .dockerignore as a regular expression; it matches what is below, too."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    split = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return "".join(parts.get(part, re.escape(part)) for part in split) + "(?:/.*)?"


@dataclass(frozen=True)
class _Sources:
    """Where COPY may copy from."""

    context: _Context
    stages: Mapping[str, Image]


def _lines(text: str) -> Iterator[str]:
    """The instructions of a Dockerfile, each on one line, without comments."""
    kept = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(kept))
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        yield f"{word.upper()} {rest.strip()}"


def _run(image: Image, rest: str, _: _Sources) -> Image:
    if rest.startswith(("--", "[", "<<")):
        raise DockerfileError(f"tests/support/image.py knows only the shell's form of RUN: {rest}")
    _inside(image, rest)
    return image


def _copy(image: Image, rest: str, sources: _Sources) -> Image:
    words = shlex.split(rest)
    flags = [word for word in words if word.startswith("--")]
    *names, destination = (word for word in words if word not in flags)
    target = image.root / _absolute(image, destination).lstrip("/")
    stage = ""
    for flag in flags:
        if not flag.startswith("--from="):
            raise DockerfileError(f"tests/support/image.py does not know COPY {flag}")
        stage = flag.removeprefix("--from=")
    for name in names:
        if stage:
            source = sources.stages[stage].root / name.lstrip("/")
            ignored = None
        else:
            source = sources.context.folder / name
            ignored = _ignored(sources.context)
        if not source.exists() or (
            ignored and source.is_file() and not sources.context.has(source)
        ):
            raise BuildError(f"COPY {name}: not in the {'stage' if stage else 'context'}")
        if source.is_dir():
            # Like the engine: what is in the folder, not the folder.
            shutil.copytree(source, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)
        else:
            into = target / source.name if destination.endswith("/") else target
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, into)
    return image


def _ignored(context: _Context) -> Callable[[str, list[str]], list[str]]:
    # Of a folder that is ignored some file may not be: only files are asked about.
    def ignored(folder: str, names: list[str]) -> list[str]:
        paths = [Path(folder, name) for name in names]
        return [path.name for path in paths if not path.is_dir() and not context.has(path)]

    return ignored


def _absolute(image: Image, path: str) -> str:
    return os.path.normpath(Path(image.workdir) / path)


def _workdir(image: Image, rest: str, _: _Sources) -> Image:
    workdir = _absolute(image, rest)
    (image.root / workdir.lstrip("/")).mkdir(parents=True, exist_ok=True)
    return replace(image, workdir=workdir)


def _pairs(rest: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(rest))


INSTRUCTIONS: dict[str, Callable[[Image, str, _Sources], Image]] = {
    "RUN": _run,
    "COPY": _copy,
    "WORKDIR": _workdir,
    "ENV": lambda image, rest, _: replace(image, env={**image.env, **_pairs(rest)}),
    "LABEL": lambda image, rest, _: replace(image, labels={**image.labels, **_pairs(rest)}),
    "USER": lambda image, rest, _: replace(image, user=rest),
    "EXPOSE": lambda image, rest, _: replace(image, ports=(*image.ports, *rest.split())),
    "ENTRYPOINT": lambda image, rest, _: replace(image, entrypoint=tuple(json.loads(rest))),
}
"""What each instruction makes of the image so far. FROM is the loop's own."""


def _base(reference: str, root: Path) -> Image:
    """An image that a stage starts from."""
    if found := re.fullmatch(r"debian:(\d+)-slim", reference):
        return _debian(found[1], root)
    if found := re.fullmatch(r"\S+/distroless/python3-debian(\d+):nonroot", reference):
        return _distroless(found[1], root)
    raise DockerfileError(f"tests/support/image.py cannot make the base image {reference}")


def _debian(version: str, root: Path) -> Image:
    release = RELEASES[version]

    def make(root: Path) -> None:
        _call("debootstrap", "--variant=minbase", release, str(root))
        shutil.rmtree(root / "var/cache/apt/archives")

    _cached(f"debian-{version}", release, root, make)
    return Image(root)


def _distroless(version: str, root: Path) -> Image:
    packages = DISTROLESS[version]

    def make(root: Path) -> None:
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            debian = _debian(version, Path(folder, "debian"))
            # Unpacked, not installed: what a package's scripts would do is not in the image.
            _inside(
                debian,
                "mkdir /debs /new && cd /debs && apt-get update"
                f" && apt-get download {' '.join(packages)}"
                # The links /bin, /lib and so on come first.
                " && for deb in base-files_*.deb *.deb; do dpkg-deb --extract $deb /new; done",
            )
            shutil.copytree(debian.root / "new", root, symlinks=True, dirs_exist_ok=True)
        interpreter = min((root / "usr/bin").glob("python3.*")).name
        for alias in ("python", "python3"):
            (root / "usr/bin" / alias).symlink_to(f"/usr/bin/{interpreter}")
        users = [f"{name}:x:{uid}:{uid}:{name}:{home}:/sbin/nologin" for name, uid, home in USERS]
        groups = [f"{name}:x:{uid}:" for name, uid, _ in USERS]
        for file, lines in (("passwd", users), ("group", groups)):
            (root / "etc" / file).write_text("".join(f"{line}\n" for line in lines))
        home = root / "home/nonroot"
        home.mkdir(mode=0o700, parents=True)
        os.chown(home, 65532, 65532)
        for folder in ("dev", "proc", "sys", "tmp"):
            (root / folder).mkdir(exist_ok=True)
        (root / "tmp").chmod(0o1777)

    _cached(f"distroless-python3-{version}", " ".join(packages), root, make)
    env = {"PATH": PATH, "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "LANG": "C.UTF-8"}
    return Image(root, env=env, workdir="/home/nonroot", user="65532")


def _cached(name: str, recipe: str, root: Path, make: Callable[[Path], None]) -> None:
    """Unpacks a root file system that is made only if the cache has none by this recipe."""
    digest = sha256(recipe.encode()).hexdigest()[:12]
    archive = tools.CACHE / "image" / f"{name}-{platform.machine()}-{digest}.tar"
    root.mkdir(parents=True)
    root.chmod(0o755)
    if archive.exists():
        _call("tar", "--extract", f"--file={archive}", f"--directory={root}", "--numeric-owner")
        return
    make(root)
    archive.parent.mkdir(parents=True, exist_ok=True)
    # Others may be at the same; whole files replace each other.
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        new = Path(folder, archive.name)
        _call("tar", "--create", f"--file={new}", f"--directory={root}", "--numeric-owner", ".")
        new.replace(archive)


def _inside(image: Image, script: str) -> None:
    """Runs a script in an image that is being built, as root and with this machine's network."""
    handed = {name: value for name, value in os.environ.items() if HANDED_OVER.fullmatch(name)}
    lend = {word for value in handed.values() for word in value.split() if _is_path(word)}
    for name, value in handed.items():
        words = (LENT + word if word in lend else word for word in value.split())
        handed[name] = " ".join(words)
    _call(
        *_enter(image.root, writable=True, lend=sorted(lend)),
        *("chroot", str(image.root), "/bin/sh", "-c", 'cd "$0" && eval "$1"'),
        *(image.workdir, script),
        env={"DEBIAN_FRONTEND": "noninteractive", **handed, **image.env},
    )


def _is_path(word: str) -> bool:
    return word.startswith("/") and Path(word).exists()


def _enter(root: Path, *, writable: bool, lend: Sequence[str] = ()) -> list[str]:
    """The start of a command line that runs the rest of it with mounts of its own."""
    settings = {
        "ROOT": str(root),
        "WRITABLE": "yes" if writable else "no",
        "LENT": LENT,
        "LEND": " ".join(lend),
    }
    assignments = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    namespaces = ["--mount", "--propagation=private"]
    if writable:
        # All that a build's command leaves running ends with it.
        namespaces += ["--pid", "--fork", "--kill-child"]
    return ["unshare", *namespaces, "sh", "-c", assignments + ENTER, "sh"]


def _call(*command: str, env: Mapping[str, str] | None = None) -> None:
    """Runs a command. The text of its error names the last argument, which says the most."""
    done = subprocess.run(
        command,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=10 * MINUTES,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise BuildError(f"{command[0]} ... {command[-1]}: exit status {done.returncode}\n{tail}")
