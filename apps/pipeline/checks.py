"""Every command reads the pipeline file and says what is wrong with it or missing beside it, a sentence each."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from apps.pipeline import definition, files


@register("pipeline")
def pipeline_file(**kwargs: Any) -> list[CheckMessage]:
    try:
        pipeline = definition.current()
    except definition.PipelineError as error:
        return [Error(f"{error.path}: {problem}.", id="pipeline.E001") for problem in error.problems]
    # No error: what one job lacks is in no other's way, and a pre-flight must be able to report it.
    return [Warning(f"{pipeline.path}: {says}.", id="pipeline.W001") for says in files.missing(pipeline)]
