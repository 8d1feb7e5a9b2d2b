"""Eight virtual devices for every test, and the real data where available."""

import gc
import importlib.metadata
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
from typing import NamedTuple

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compilation takes most of a test's time: 3.2 s for a step of InfoGAN with all of these
# flags, 11 s with the first alone. Without fusion emitters, a flag that ends a process of
# jaxlib 0.11, a step in a program of two rounds otherwise than alone: see `rounds_alike`.
os.environ["XLA_FLAGS"] = (
    "--xla_backend_optimization_level=0 "
    + "--xla_cpu_use_fusion_emitters=false "
    * importlib.metadata.version("jaxlib").startswith("0.10.")
    + "--xla_llvm_enable_alias_scope_metadata=false "
    "--xla_llvm_enable_noalias_metadata=false "
    + os.environ.get("XLA_FLAGS", "")  # flags of the user come later and win
    + " --xla_force_host_platform_device_count=8"
)

# Many tests compile the same small programs.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(pathlib.Path(__file__).parents[1] / ".cache" / "xla"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import numpy as np
import pytest  # after the environment is set
from threadpoolctl import threadpool_limits

# Tracing creates hundreds of thousands of objects, and few are garbage: by default, Python
# collects garbage after every 700 new objects.
gc.set_threshold(50_000, 20, 50)

ROOT = pathlib.Path(__file__).resolve().parents[1]
SIZES = (3, 4, 5)  # of the factors of known codes
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
# JAX's caches of lowered modules: module and function, in this version of JAX
LOWERED = {
    "jax._src.interpreters.pxla": "_cached_lowering_to_hlo",
    "jax._src.pjit": "_pjit_lower",
}


@pytest.fixture(scope="session")
def let_go_of_programs():
    """Returns a function that frees compiled programs when memory maps run short.

    Each program takes about three maps, and Linux allows a process 65,530. The function
    frees rarely: 10,000 programs take 15 s, and the next file traces its own again.
    """

    def let_go():
        maps = pathlib.Path("/proc/self/maps")
        if maps.exists() and maps.read_bytes().count(b"\n") > 45_000:
            import jax

            jax.clear_caches()

    return let_go


@pytest.fixture(autouse=True, scope="module")
def _after_each_file(let_go_of_programs):
    yield
    let_go_of_programs()


@pytest.fixture(autouse=True)
def _let_go_of_modules():
    """Frees lowered modules: JAX keeps 2,048, and each one slows the next lowering.

    One operation goes from 8 to 50 ms. Compiled programs stay and do not need the modules.
    """
    yield
    for name, function in LOWERED.items():
        cached = getattr(sys.modules.get(name), function, None)
        if cached is not None:
            cached.cache_clear()


@pytest.fixture(autouse=True)
def _signals_do_what_they_did():
    """Checks that a test restores its signal handlers.

    A changed handler outlives its test, and silently ends the process in another.
    """
    before = [signal.getsignal(each) for each in SIGNALS]
    yield
    assert [signal.getsignal(each) for each in SIGNALS] == before


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """Runs commands in parallel: dicts of `module` or `code`, `arguments` and `env`.

    Each runs in its own process with the packages already imported: see command_server.py.
    """
    folder = tmp_path_factory.mktemp("commands")
    server = None

    def run(*commands, timeout=300):
        nonlocal server
        if server is None:  # started only if needed: most files have no commands
            server = subprocess.Popen(
                [sys.executable, "-m", "tests.command_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
        streams = [
            {name: tempfile.mkstemp(dir=folder)[1] for name in ("stdout", "stderr")}
            for _ in commands
        ]
        whole = [
            {**command, **files, "timeout": timeout}
            for command, files in zip(commands, streams, strict=True)
        ]
        server.stdin.write(json.dumps(whole) + "\n")
        server.stdin.flush()
        codes = json.loads(server.stdout.readline())
        return [
            subprocess.CompletedProcess(
                [command.get("module", "-c"), *command["arguments"]],
                code,
                **{
                    name: pathlib.Path(path).read_text() for name, path in files.items()
                },
            )
            for command, code, files in zip(commands, codes, streams, strict=True)
        ]

    yield run
    if server is not None:
        server.communicate()  # closes its input, which ends it


@pytest.fixture(scope="session")
def processes(commands):
    """`processes(script, *arguments, count=, devices=)`: the JSON that each prints last.

    Before its arguments, a script receives a port, the number of processes and its own
    index.
    """

    def run(script: str, *arguments: object, count: int, devices: int = 1) -> list:
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        number = f"--xla_force_host_platform_device_count={devices}"
        results = commands(
            *(
                {
                    "code": script,
                    "arguments": [*map(str, (port, count, i, *arguments))],
                    "env": os.environ
                    | {"XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {number}"},
                }
                for i in range(count)
            )
        )
        for done in results:
            assert done.returncode == 0, done.stderr
        return [json.loads(done.stdout.splitlines()[-1]) for done in results]

    return run


@pytest.fixture
def rounds_alike(monkeypatch):
    """Makes a training step round equally in programs of one step and of several.

    For runs that stop in the middle of a call and must resume bit for bit.
    """
    from dis_jax import compiler

    known = "use_fusion_emitters" in os.environ["XLA_FLAGS"]
    options = compiler.options
    alike = {"xla_cpu_use_fusion_emitters": True} if known else {}
    monkeypatch.setattr(compiler, "options", lambda *by: options(*by) | alike)


@pytest.fixture(scope="session")
def one_device() -> str:
    """XLA_FLAGS of a process that has one device, as most machines have."""
    return f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=1"


@pytest.fixture(scope="session")
def run(commands, one_device):
    """`run(script, *arguments, **environment)`: runs a script from the clone, as a user.

    A script of `launch`, or one with its full name: `benchmarks.bench`.
    """
    own = {"XLA_FLAGS": one_device, "DIS_JAX_DATA_DIR": ""}

    def run(script, *arguments, **environment):
        module = script if "." in script else f"launch.{script}"
        (done,) = commands(
            {
                "module": module,
                "arguments": [*map(str, arguments)],
                "env": os.environ | own | environment,
            }
        )
        return done

    return run


@pytest.fixture(scope="session")
def data_dir() -> pathlib.Path:
    """Folder of the real data sets; skips the test if it is missing."""
    named = os.environ.get("DIS_JAX_DATA_DIR")
    folder = pathlib.Path(named) if named else ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(
            f"no real data at {folder}; set DIS_JAX_DATA_DIR to the folder that contains it"
        )
    return folder


@pytest.fixture(scope="session")
def small_images(tmp_path_factory):
    """A file of 40 images of 8x8 pixels: rendered dSprites take longer to compile."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8))
    np.savez(path, images=images.astype(np.uint8))
    return str(path)


@pytest.fixture(scope="session")
def tiny_config():
    """Configs of real methods on rendered dSprites, with networks of a few units."""
    import importlib

    def make(method: str, **overrides: object):
        module = importlib.import_module(f"configs.{method}")
        has_own_networks = method in ("sdim", "edim", "infogan")
        form = "" if has_own_networks else ",mlp"
        config = module.get_config(f"rendered_dsprites{form}")
        # with labels, a latent for each of the five factors
        latent = 5 if method == "group_vae" else 3
        config.network.update(latent=latent, encoder=(8,), decoder=(8,))
        if "class_latent" in config:
            config.class_latent = 1
        if method in ("sdim", "edim"):
            config.network.update(shared=4, widths=(4, 4, 4), statistics=(8,), grid=2)
            config.negatives = "permute"  # so that a step draws noise
            # one head: the published eight would be half of the compiled program
            role = "shared" if method == "sdim" else "exclusive"
            config.heads = {f"{role}_x": ("shape",)}
            config.hparams.head_learning_rate = 3e-3
        if method == "edim":
            config.network.update(exclusive=3, discriminator=(8,))
            config.hparams.discriminator_learning_rate = 3e-3
        if method == "joint_vae":
            config.categories = 2
        if method == "tripod":
            # the rounding error of second differences falls with the square of this
            config.hparams.perturbation = 0.5
        if method == "infogan":
            config.network.update(
                noise=4, categories=3, hidden=8, code_hidden=8, widths=(4,)
            )
            config.hparams.discriminator_learning_rate = 3e-3
            # all optional terms of a step
            config.prior, config.elastic = "learned", ("transformation", "contrastive")
        if "discriminator" in config:
            config.discriminator.widths = (8, 8)
        config.batch_size = 16
        config.image_shape = (64, 64, 1)
        config.hparams.learning_rate = 3e-3
        # with the default, Adam makes full steps from gradients that are rounding errors
        config.optimiser.eps = 1e-5
        config.mesh = (1, 1)
        config.tensorboard = False
        config.update_from_flattened_dict(overrides)
        return config

    return make


@pytest.fixture(scope="session")
def traced_step():
    """`traced_step(config)`: shapes of a step's state and metrics, and of 5 images."""
    import jax

    from dis_jax import data, training
    from dis_jax.methods import point
    from dis_jax.training import program

    def trace(config):
        method = training.make_method(config)
        images = data.load(config.dataset)
        sampler = data.SAMPLERS[method.batch](images, 16, **config.sampler)
        batch = program.batch_shapes(sampler, images)
        state = jax.eval_shape(method.init, jax.random.key(0), batch)
        after, metrics = jax.eval_shape(method.update, state, batch)
        kinds = [
            jax.tree.map(lambda x: (x.shape, x.dtype), each) for each in (after, state)
        ]
        assert kinds[0] == kinds[1]

        def there_and_back(state, image):
            codes = method.encode(state, {"image": image})
            return method.decode(state, {k: point(c) for k, c in codes.items()})

        image = jax.ShapeDtypeStruct((5, *config.image_shape), np.float32)
        return state, metrics, jax.eval_shape(there_and_back, state, image)

    return trace


@pytest.fixture(autouse=True, scope="session")
def _interrupts_are_heard():
    """Restores SIGINT, which tests started in the background of a shell ignore."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Models this small run faster on one thread, above all on a busy machine."""
    with threadpool_limits(1):
        yield


class Known(NamedTuple):
    codes: np.ndarray
    factors: np.ndarray


def grid(sizes=SIZES, copies=1):
    factors = np.indices(sizes).reshape(len(sizes), -1).T
    return np.tile(factors, (copies, 1))


def standardise(factors):
    return (factors - factors.mean(axis=0)) / factors.std(axis=0)


def codes_of(kind, factors, seed=0):
    """Codes of a kind; on a full grid the factors are exactly independent."""
    rng = np.random.default_rng(seed)
    v = standardise(factors)
    k = v.shape[1]
    if kind == "perfect":
        return v
    if kind == "permuted":  # with other signs and scales
        return v[:, ::-1] * np.array([-2.0, 0.5, 3.0])
    if kind == "redundant":
        return np.concatenate([v, v], axis=1)
    if kind == "merged":  # the first dimension encodes the first two factors
        both = factors[:, 0] + (factors[:, 0].max() + 1) * factors[:, 1]
        return np.stack([both.astype(float), factors[:, 2] / 2], axis=1)
    if kind == "missing":  # the last factor
        return np.concatenate([v[:, :-1], 0.1 * rng.normal(size=(len(v), 1))], axis=1)
    if kind == "constant":
        return np.full_like(v, 0.7)
    if kind == "rotated":
        return v @ np.linalg.qr(np.random.default_rng(1).normal(size=(k, k)))[0]
    if kind == "noise":
        return rng.normal(size=v.shape)
    raise ValueError(kind)


@pytest.fixture(scope="session")
def known():
    """`known(kind, copies)`: codes and factors on `copies` full grids of 3 x 4 x 5."""

    def make(kind, copies=20, sizes=SIZES, seed=0):
        factors = grid(sizes, copies)
        return Known(codes_of(kind, factors, seed), factors)

    return make


@pytest.fixture(scope="session")
def random_codes():
    """`random_codes(n, seed)`: codes that mix random factors, without any structure."""

    def make(n=400, seed=0, sizes=(2, 3, 7), latents=4):
        rng = np.random.default_rng(seed)
        factors = np.stack([rng.integers(0, size, n) for size in sizes], axis=1)
        mix = np.random.default_rng(99).normal(size=(len(sizes), latents))
        noise = rng.normal(size=(n, latents))
        return Known(np.tanh(standardise(factors) @ mix) + 0.3 * noise, factors)

    return make
