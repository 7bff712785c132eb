"""Video jobs, driven.

engine     what callers use: submit, watch, cancel, resume
driver     the loop that takes a job from step to step
landing    how its file comes to this machine
impostors  what came instead of a video
lost       a job whose answer got lost, looked for in a list
listing    jobs as people see and name them
orders     what people may do with them by name
means      what they work with, all of it handed in
"""

from ve_magics.engine.video.engine import VideoEngine
from ve_magics.engine.video.landing import Pieces, file_stem
from ve_magics.engine.video.means import Call, FetchFile

__all__ = ["Call", "FetchFile", "Pieces", "VideoEngine", "file_stem"]
