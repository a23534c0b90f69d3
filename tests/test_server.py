"""A real server process and real gRPC clients: insecure, with mTLS, and on its way out."""

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from crossplane.function.proto.v1beta1 import run_function_pb2 as fnv1beta1
from crossplane.function.proto.v1beta1 import run_function_pb2_grpc as grpcv1beta1
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.support.authority import Authority, secure_channel
from tests.support.processes import modelrouter, running
from tests.support.world import router

TIMEOUT = 20
SERVICE = "apiextensions.fn.proto.v1.FunctionRunnerService"


def request() -> fnv1.RunFunctionRequest:
    req = fnv1.RunFunctionRequest(meta=fnv1.RequestMeta(tag="t"))
    req.observed.composite.resource.update(router())
    return req


def call(channel: grpc.Channel) -> fnv1.RunFunctionResponse:
    response: fnv1.RunFunctionResponse = grpcv1.FunctionRunnerServiceStub(channel).RunFunction(
        request(), timeout=TIMEOUT, wait_for_ready=True
    )
    return response


# -- Insecure


@pytest.fixture(scope="module")
def insecure() -> Iterator[grpc.Channel]:
    with running("--insecure") as (_, address), grpc.insecure_channel(address) as channel:
        yield channel


def test_answers_v1(insecure: grpc.Channel) -> None:
    assert call(insecure).requirements.resources["service"].match_name == "gw"


def test_answers_v1beta1(insecure: grpc.Channel) -> None:
    req = fnv1beta1.RunFunctionRequest.FromString(request().SerializeToString())
    stub = grpcv1beta1.FunctionRunnerServiceStub(insecure)
    response = stub.RunFunction(req, timeout=TIMEOUT)
    assert response.meta.tag == "t"
    assert not response.results


@pytest.mark.parametrize("service", ["", SERVICE])
def test_answers_health_checks(insecure: grpc.Channel, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(insecure)
    answer = stub.Check(  # type: ignore[attr-defined]  # The stubs miss the generated methods.
        health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_lists_its_services_by_reflection(insecure: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(insecure)
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    (answer,) = stub.ServerReflectionInfo(iter([asked]), timeout=TIMEOUT)  # type: ignore[operator]
    assert {service.name for service in answer.list_services_response.service} == {
        SERVICE,
        "apiextensions.fn.proto.v1beta1.FunctionRunnerService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


@pytest.mark.parametrize(("limit", "taken"), [("1", False), ("4", True)])
def test_the_size_of_messages_is_limited_by_its_flag(limit: str, taken: bool) -> None:  # noqa: FBT001
    req = request()
    req.context.update({"large": "x" * 2 * 1024 * 1024})
    with running("--insecure", "--max-recv-message-size", limit) as (_, address):
        options = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(address, options=options) as channel:
            stub = grpcv1.FunctionRunnerServiceStub(channel)
            if taken:
                assert stub.RunFunction(req, timeout=TIMEOUT, wait_for_ready=True).meta.tag == "t"
            else:
                with pytest.raises(grpc.RpcError) as refused:
                    stub.RunFunction(req, timeout=TIMEOUT, wait_for_ready=True)
                assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


# -- mTLS


def test_serves_whom_its_authority_knows_and_no_one_else(tmp_path: Path) -> None:
    ours, foreign = Authority(), Authority()
    server, client = ours.folder(tmp_path / "server"), ours.folder(tmp_path / "client")
    stranger = foreign.folder(tmp_path / "stranger")
    shutil.copy(server / "ca.crt", stranger)
    env = {"TLS_SERVER_CERTS_DIR": str(server)}
    with running(env=env) as (_, address):
        with secure_channel(address, client) as channel:
            assert call(channel).meta.tag == "t"
        for refused in (
            secure_channel(address, stranger),
            secure_channel(address, client, with_certificate=False),
            grpc.insecure_channel(address),
        ):
            with refused as channel, pytest.raises(grpc.RpcError) as error:
                grpcv1.FunctionRunnerServiceStub(channel).RunFunction(request(), timeout=TIMEOUT)
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE


def test_takes_renewed_certificates_without_a_restart(tmp_path: Path) -> None:
    server, client = tmp_path / "server", tmp_path / "client"
    old, new = Authority(), Authority()
    with running("--tls-certs-dir", str(old.folder(server))) as (_, address):
        with secure_channel(address, old.folder(client)) as channel:
            assert call(channel).meta.tag == "t"
        new.folder(server)
        with secure_channel(address, new.folder(client)) as channel:
            assert call(channel).meta.tag == "t"


def _serves(address: str, client: Path) -> bool:
    """Whether a new client gets an answer."""
    with secure_channel(address, client) as channel:
        return call(channel).meta.tag == "t"


@pytest.mark.parametrize("file", ["ca.crt", "tls.crt", "tls.key"])
@pytest.mark.parametrize("content", [None, "", "nonsense", "another authority's"])
def test_keeps_the_last_good_certificates_while_a_file_is_bad(
    tmp_path: Path, file: str, content: str | None
) -> None:
    """Those of its start may have expired long since."""
    server = tmp_path / "server"
    first, renewed, foreign = Authority(), Authority(), Authority()
    with running("--tls-certs-dir", str(first.folder(server))) as (_, address):
        renewed.folder(server)
        client = renewed.folder(tmp_path / "client")
        assert _serves(address, client)
        if content is None:
            (server / file).unlink()
        elif content == "another authority's":
            shutil.copy(foreign.folder(tmp_path / "foreign") / file, server / file)
        else:
            (server / file).write_text(content)
        if (file, content) == ("ca.crt", "another authority's"):
            # A new authority alone is no mistake: clients that it signs for are the ones to serve.
            client = foreign.folder(tmp_path / "client")
            shutil.copy(renewed.folder(tmp_path / "renewed") / "ca.crt", client / "ca.crt")
        assert _serves(address, client)
        assert _serves(address, client)


def test_takes_a_half_written_renewal_once_it_is_whole(tmp_path: Path) -> None:
    server, whole = tmp_path / "server", tmp_path / "whole"
    old, new = Authority(), Authority()
    new.folder(whole)
    with running("--tls-certs-dir", str(old.folder(server))) as (_, address):
        for file in ("tls.key", "tls.crt"):
            assert _serves(address, old.folder(tmp_path / "client"))
            shutil.copy(whole / file, server / file)
        shutil.copy(whole / "ca.crt", server / "ca.crt")
        assert _serves(address, new.folder(tmp_path / "client"))


def test_a_pair_that_does_not_belong_together_is_said_at_the_start(tmp_path: Path) -> None:
    server = Authority().folder(tmp_path / "server")
    other = Authority().folder(tmp_path / "other")
    shutil.copy(other / "tls.key", server)
    assert not_started("--tls-server-certs-dir", server) == (
        f"Error: '{server}/tls.crt' and '{server}/tls.key' are not a certificate and its private "
        "key: --tls-server-certs-dir must hold a pair that belongs together\n"
    )


# -- Starting and stopping


def not_started(*flags: str | Path) -> str:
    """What a server says that does not start."""
    command = [modelrouter(), "serve", *flags]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    return result.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            [],
            "Error: no certificates: give --tls-server-certs-dir a folder with tls.crt, tls.key "
            "and ca.crt, or serve without mTLS with --insecure\n",
        ),
        (
            ["--tls-server-certs-dir", "/nowhere"],
            "Error: cannot read '/nowhere/tls.key' (No such file or directory): "
            "--tls-server-certs-dir must hold tls.crt, tls.key and ca.crt\n",
        ),
        (
            ["--insecure", "--address", "no-such-host.invalid:1"],
            "Error: cannot listen on 'no-such-host.invalid:1': it is in use, or not an address of "
            "this machine; choose another with --address\n",
        ),
    ],
)
def test_says_why_it_cannot_start(flags: list[str], message: str) -> None:
    said = not_started(*flags)
    assert said.endswith(message)
    assert "Traceback" not in said


def test_says_what_is_wrong_with_the_platform_file_and_does_not_start(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("kind: Input\npolicy:\n  providers: {alowed: [openai]}\n")
    assert not_started("--insecure", "--platform", file) == (
        f"Error: {file}, line 3: unknown field input.policy.providers.alowed: remove it or fix the "
        "spelling.\n"
    )


def test_the_platform_file_holds_whatever_the_input_says(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text("kind: Input\npolicy:\n  providers: {denied: [openai]}\n")
    req = request()
    req.input.update({"policy": {"providers": {"allowed": ["*"]}}})
    with (
        running("--insecure", "--platform", str(file)) as (_, address),
        grpc.insecure_channel(address) as channel,
    ):
        stub = grpcv1.FunctionRunnerServiceStub(channel)
        rsp = stub.RunFunction(req, timeout=TIMEOUT, wait_for_ready=True)
        for name in rsp.requirements.resources:
            req.required_resources[name].SetInParent()
        rsp = stub.RunFunction(req, timeout=TIMEOUT)
    assert [result.reason for result in rsp.results] == ["PolicyViolated"]


SLOW = """
import asyncio
import click
from crossplane.function import cli
from function import fn, main

class Slow(fn.FunctionRunner):
    async def respond(self, req):
        await asyncio.sleep(2)
        return await super().respond(req)

fn.FunctionRunner = Slow
main.serve()
"""


def test_a_call_in_flight_at_sigterm_is_answered_and_the_process_ends() -> None:
    """The server as it is, with a function that takes two seconds: a real one is too fast."""
    with running("--insecure", program=(sys.executable, "-c", SLOW)) as (process, address):
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT)
            timer = threading.Timer(0.5, process.send_signal, [signal.SIGTERM])
            timer.start()
            assert call(channel).meta.tag == "t"
            timer.join()
        assert process.wait(timeout=10) == 0


def test_a_call_that_takes_longer_than_it_may_is_cut_off() -> None:
    flags = ("--insecure", "--drain-seconds", "1")
    with running(*flags, program=(sys.executable, "-c", SLOW)) as (process, address):
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT)
            timer = threading.Timer(0.2, process.send_signal, [signal.SIGTERM])
            timer.start()
            with pytest.raises(grpc.RpcError):
                call(channel)
            timer.join()
        assert process.wait(timeout=10) == 0


def test_health_is_not_serving_while_it_drains() -> None:
    with running("--insecure", program=(sys.executable, "-c", SLOW)) as (process, address):
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT)
            watch = health_pb2_grpc.HealthStub(channel).Watch(  # type: ignore[attr-defined]
                health_pb2.HealthCheckRequest(service=""), timeout=TIMEOUT
            )
            assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
            process.send_signal(signal.SIGTERM)
            assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
            watch.cancel()
        assert process.wait(timeout=10) == 0
