"""Python functions as tools: what the model is told of them, and its arguments checked before they are called.

Everything here is pure: a function becomes a JSON Schema, the model's text becomes checked arguments, and what the
function gave back becomes parts of a message. Who calls it, and when, is decided elsewhere.
"""

from ve_magics.tools.arguments import decode_arguments
from ve_magics.tools.function import FunctionTool, as_tool, tool
from ve_magics.tools.output import MOST_TEXT, Output, cut, output_of

__all__ = ["MOST_TEXT", "FunctionTool", "Output", "as_tool", "cut", "decode_arguments", "output_of", "tool"]
