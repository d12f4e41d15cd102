# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What ``python -m sklip`` does; private, its face is the command line."""

from sklip._cli._choices import ESTIMATORS
from sklip._cli._errors import JobError, one_sentence
from sklip._cli._job import Job, run

__all__ = ["ESTIMATORS", "Job", "JobError", "one_sentence", "run"]
