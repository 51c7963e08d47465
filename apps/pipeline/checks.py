"""A system check of the pipeline file and the files that its jobs need, one sentence per problem."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from apps.pipeline import definition, files


@register("pipeline")
def pipeline_file(**kwargs: Any) -> list[CheckMessage]:
    try:
        pipeline = definition.current()
    except definition.PipelineError as error:
        return [Error(f"{error.path}: {problem}.", id="pipeline.E001") for problem in error.problems]
    # No error: a missing file of one job does not affect the others, and a pre-flight must be able to report it.
    return [Warning(f"{pipeline.path}: {says}.", id="pipeline.W001") for says in files.missing(pipeline)]
