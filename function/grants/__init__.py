"""What a router gives to applications: its offer, and what of it a ModelAccess gets.

Both sides use this: the router, to list the keys that it accepts, and the ModelAccess, to tell its
users why it is not among them.
"""

from function.grants.applicant import Applicant
from function.grants.judge import Limits, Verdict, judge
from function.grants.listing import Listing, list_keys
from function.grants.offer import Offer

__all__ = ["Applicant", "Limits", "Listing", "Offer", "Verdict", "judge", "list_keys"]
