"""What no manual at hand says of both generators: a reading from a real one changes one line."""

BEYOND_A_LIMIT = -222
"""Error for a level beyond ``VOLTage:LIMit`` while that is on; the level stays what it was."""
LIMITS_CONFLICT = -221
"""Error for limits that the levels are beyond already, or for a load that would bring them there;
limits and load stay what they were. Limits are compared with levels for the load in force; another
load does not rename them."""
OFFSET_CUT = -222
"""Error for an offset that the amplitude leaves no room for; it is set as far as there is room
(33220A user's guide: "Data out of range")."""
FOLLOWS = -221
"""Error when a setting moves another one (33220A user's guide: "Settings conflict")."""
TRIGGER_IGNORED = -211
"""Error for a trigger that no channel waits for, or that comes during a burst."""
