"""Controls of the window, one file per family; sizes and states are those of the design.

Every control needs an accessible name, follows the theme by itself and works by keyboard. `set_*` methods never emit
the signal of the change that they make; signals say what the person did.
"""

from groqdesk.ui.controls.buttons import Button, IconButton
from groqdesk.ui.controls.chips import Chip, ChipInput
from groqdesk.ui.controls.choices import Checkbox, Radio, Toggle
from groqdesk.ui.controls.fields import SecretField, TextField
from groqdesk.ui.controls.flow import FlowLayout
from groqdesk.ui.controls.focus_ring import FocusRing
from groqdesk.ui.controls.labels import ChangedDot, ElidedLabel, FieldLabel, Label, plain_tooltip
from groqdesk.ui.controls.messages import Banner, Sentence, Toast
from groqdesk.ui.controls.meters import Bar, CountdownRing, Lamp
from groqdesk.ui.controls.nav import NavItem
from groqdesk.ui.controls.popover import Popover, PopoverItem, PopoverMenu
from groqdesk.ui.controls.segments import Segment, Segments, Tabs
from groqdesk.ui.controls.slider import Slider
from groqdesk.ui.controls.spin import SpinField
from groqdesk.ui.controls.surfaces import Card, Hairline, Skeleton
from groqdesk.ui.controls.text_area import TextArea
from groqdesk.ui.controls.waterfall import Legend, Part, WaterfallBar, part_widths

__all__ = [
    "Banner",
    "Bar",
    "Button",
    "Card",
    "ChangedDot",
    "Checkbox",
    "Chip",
    "ChipInput",
    "CountdownRing",
    "ElidedLabel",
    "FieldLabel",
    "FlowLayout",
    "FocusRing",
    "Hairline",
    "IconButton",
    "Label",
    "Lamp",
    "Legend",
    "NavItem",
    "Part",
    "Popover",
    "PopoverItem",
    "PopoverMenu",
    "Radio",
    "SecretField",
    "Segment",
    "Segments",
    "Sentence",
    "Skeleton",
    "Slider",
    "SpinField",
    "Tabs",
    "TextArea",
    "TextField",
    "Toast",
    "Toggle",
    "WaterfallBar",
    "part_widths",
    "plain_tooltip",
]
