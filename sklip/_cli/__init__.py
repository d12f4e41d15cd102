# Authors: The sklip developers
# SPDX-License-Identifier: BSD-3-Clause
"""What ``python -m sklip`` does; private, its face is the command line."""

from sklip._cli._errors import JobError, one_sentence
from sklip._cli._job import ESTIMATORS, Job, check_job

__all__ = ["ESTIMATORS", "Job", "JobError", "check_job", "one_sentence"]
