"""Campaigns: many independent calls of one function, on processes of this machine or a cluster."""

from hil.protocols.campaign.errors import CampaignError
from hil.protocols.campaign.run import run_campaign

__all__ = ["CampaignError", "run_campaign"]
