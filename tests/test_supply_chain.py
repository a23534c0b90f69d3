"""The release: one version everywhere, in workflows whose jobs may do no more than they must."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from function.__version__ import __version__
from function.call import Manifest
from tests.generate import EXAMPLES, ROOT

WORKFLOWS = {path.stem: path for path in (ROOT / ".github" / "workflows").iterdir()}
RELEASE = WORKFLOWS["release"]
VERIFICATION = EXAMPLES / "verify-packages.yaml"
VERSIONED = ("function/__version__.py", "CHANGELOG.md", "examples", "package", ".ci/release-notes")
"""What names the version, and what compares it."""


def workflow(path: Path) -> Manifest:
    # YAML 1.1 has `on` as a word for true.
    read: Manifest = yaml.load(path.read_text(), yaml.BaseLoader)
    return read


def release_notes(root: Path, tag: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [root / ".ci" / "release-notes", tag],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what names the version."""
    for name in VERSIONED:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, target)
    return tmp_path


def test_the_text_of_a_release_is_its_section_of_the_change_log(tree: Path) -> None:
    log = tree / "CHANGELOG.md"
    log.write_text(f"# Changes\n\n## {__version__}\n\nNew.\n\n- A thing.\n\n## 0.0.9\n\nOld.\n")
    done = release_notes(tree, f"v{__version__}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "New.\n\n- A thing."


def test_this_tree_can_be_released_as_its_version_alone() -> None:
    done = release_notes(ROOT, f"v{__version__}")
    assert done.returncode == 0, done.stderr
    assert "The first version" in done.stdout
    other = release_notes(ROOT, "v99.0.0")
    assert other.returncode == 1
    assert other.stdout == ""


@pytest.mark.parametrize(
    ("file", "where"),
    [
        ("function/__version__.py", "function/__version__.py"),
        ("CHANGELOG.md", "the first section of CHANGELOG.md"),
        ("examples/functions.yaml", "examples"),
        ("examples/install/4-configuration.yaml", "examples"),
        ("package/configuration/crossplane.yaml", "package"),
        ("package/claims/crossplane.yaml", "package"),
    ],
)
def test_a_release_has_one_version_everywhere(tree: Path, file: str, where: str) -> None:
    path = tree / file
    changed = path.read_text().replace(__version__, "99.0.0")
    assert changed != path.read_text()
    path.write_text(changed)
    done = release_notes(tree, f"v{__version__}")
    assert done.returncode == 1
    assert f"the tag is v{__version__}, but {where} has " in done.stderr
    assert "v99.0.0" in done.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_permissions_are_given_job_by_job(name: str) -> None:
    read = workflow(WORKFLOWS[name])
    assert read["permissions"] == {}
    assert [job for job, of in read["jobs"].items() if "permissions" not in of] == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_failure_is_lost_in_a_pipe(name: str) -> None:
    """The shell that GitHub takes where none is named has no pipefail."""
    assert workflow(WORKFLOWS[name])["defaults"]["run"]["shell"] == "bash"


def writers(permission: str) -> dict[str, Manifest]:
    """The jobs of all workflows that have a permission to write."""
    return {
        f"{name}/{job}": of
        for name, path in WORKFLOWS.items()
        for job, of in workflow(path)["jobs"].items()
        if of["permissions"].get(permission) == "write"
    }


def test_a_job_that_may_write_packages_downloads_nothing_to_run() -> None:
    """But actions that a commit pins, and the crane that another job builds of locked sources."""
    jobs = writers("packages")
    assert set(jobs) == {"release/push", "release/sign"}
    for job in jobs.values():
        uses = {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}
        assert uses <= {
            *("actions/attest", "actions/download-artifact", "sigstore/cosign-installer"),
        }
        run = "\n".join(step.get("run", "") for step in job["steps"])
        assert not re.search(r"\b(curl|wget|pip|npm|go|git|apt-get)\b|\.ci/|crossplane ", run)


def test_only_the_job_that_signs_has_an_identity() -> None:
    assert set(writers("id-token")) == {"release/sign"}
    assert set(writers("contents")) == {"lock/propose", "release/release"}


# -- What Crossplane verifies is what the workflow does


@pytest.fixture(scope="module")
def verification() -> Any:  # noqa: ANN401  # Of another project's kind.
    return yaml.safe_load(VERIFICATION.read_text())["spec"]


def packages() -> set[str]:
    """The packages that a user installs, without their versions."""
    documents = [
        document
        for path in (EXAMPLES / "install").iterdir()
        for document in yaml.safe_load_all(path.read_text())
    ]
    installed = {
        d["spec"]["package"].rpartition(":")[0] for d in documents if "package" in d.get("spec", {})
    }
    return {*installed, "ghcr.io/agentic-layer/configuration-modelrouter-claims"}


def test_every_package_is_verified(verification: Manifest) -> None:
    prefixes = [match["prefix"] for match in verification["matchImages"]]
    assert len(packages()) == 3
    for package in packages():
        assert any(package.startswith(prefix) for prefix in prefixes)
        assert package.rpartition("/")[2] in RELEASE.read_text()


def test_the_identity_is_that_of_the_release_workflow(verification: Manifest) -> None:
    (authority,) = verification["verification"]["cosign"]["authorities"]
    (identity,) = authority["keyless"]["identities"]
    assert identity["issuer"] == "https://token.actions.githubusercontent.com"
    meta = yaml.safe_load((ROOT / "package" / "function" / "crossplane.yaml").read_text())
    repository = meta["metadata"]["annotations"]["meta.crossplane.io/source"]
    path = RELEASE.relative_to(ROOT)

    def is_trusted(subject: str) -> bool:
        # Crossplane searches: the expression has to bind both ends.
        return re.search(identity["subjectRegExp"], subject) is not None

    subject = f"https://{repository}/{path}@refs/tags/v{__version__}"
    assert is_trusted(subject)
    for other in (
        f"https://{repository}/{path}@refs/heads/main",
        f"https://{repository}/.github/workflows/ci.yml@refs/tags/v{__version__}",
        f"https://github.com/someone/else/{path}@refs/tags/v{__version__}",
        f"https://example.com/{subject}",
        f"{subject}-else",
        subject.replace(".yml", "-yml"),
    ):
        assert not is_trusted(other), other


def test_the_attestation_that_is_asked_for_is_made_in_the_format_that_is_read(
    verification: Manifest,
) -> None:
    (authority,) = verification["verification"]["cosign"]["authorities"]
    (asked,) = authority["attestations"]
    signing = "\n".join(step.get("run", "") for step in workflow(RELEASE)["jobs"]["sign"]["steps"])
    made = re.findall(r'cosign attest "\$\{old\[@\]\}" --type (\S+)', signing)
    assert asked["predicateType"] in made
    assert "old=(--new-bundle-format=false --use-signing-config=false)" in signing
