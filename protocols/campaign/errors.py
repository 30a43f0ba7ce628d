"""What can go wrong with a campaign as a whole."""

from hil.errors import HilError


class CampaignError(HilError, RuntimeError):
    """A task of a campaign failed, or those who were to do the tasks did."""
