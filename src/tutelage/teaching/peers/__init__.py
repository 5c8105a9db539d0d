"""Students that teach each other: who hears whom is a form, one file each; `Peers` makes losses of it."""

from .form import FollowingForm, ForcedFusion, Form, LearningForm, Led, Lesson
from .leave_one_out import LeaveOneOut
from .members import Branched, Heard, heard, member
from .okddip import OKDDip
from .one import ONE
from .pcl import PCL
from .peers import Fresh, Peers

__all__ = [
    "ONE",
    "PCL",
    "Branched",
    "FollowingForm",
    "ForcedFusion",
    "Form",
    "Fresh",
    "Heard",
    "LearningForm",
    "LeaveOneOut",
    "Led",
    "Lesson",
    "OKDDip",
    "Peers",
    "heard",
    "member",
]
