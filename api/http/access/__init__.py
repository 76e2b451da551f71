"""Who asks, and whether they may: keys, scopes, origins and rates."""

from api.http.access.caller import LOOKED_AT as LOOKED_AT
from api.http.access.caller import Access as Access
from api.http.access.caller import Caller as Caller
from api.http.access.caller import Openness as Openness
from api.http.access.caller import check_scope as check_scope
from api.http.access.caller import who_of as who_of
from api.http.access.guard import ACCESS as ACCESS
from api.http.access.guard import PUBLIC as PUBLIC
from api.http.access.guard import SCOPE as SCOPE
from api.http.access.guard import asks as asks
from api.http.access.guard import guarded as guarded
from api.http.access.rates import TooManyRequests as TooManyRequests
from api.http.access.visitor import visitor_of as visitor_of
