"""The Beam runner of the pipelines: in this process, with threads."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apache_beam import Pipeline

# Longer than any bundle takes. A worker would else send what its stream holds each second, from another thread: also
# in the midst of a record whose coder lets other threads run, and the record's end would be read as a new one.
_NEVER_MS = 30 * 24 * 3600 * 1000
# A bundle ends by waiting for the thread that samples what it is at, which sleeps for a period: by default .2 seconds.
_SAMPLING_MS = 10


def pipeline(workers: int) -> "Pipeline":
    """An empty pipeline that runs on `workers` threads of this process when it is left as a context."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.runners.worker import statesampler
    from apache_beam.transforms.environments import EmbeddedPythonGrpcEnvironment

    statesampler.StateSampler.__init__.__defaults__ = (_SAMPLING_MS,)  # there is no option for it
    # The running mode `multi_threading` would replace this environment by one with the default limit. Under a mode that
    # the runner does not know it takes the environment given, and does not warn of `in_memory`, the default.
    environment = EmbeddedPythonGrpcEnvironment(data_buffer_time_limit_ms=_NEVER_MS)
    options = PipelineOptions([], direct_num_workers=workers, direct_running_mode="environment")
    return beam.Pipeline(runner=FnApiRunner(default_environment=environment), options=options)
