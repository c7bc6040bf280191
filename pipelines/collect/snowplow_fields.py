"""Snowplow's fields: the columns of an enriched event, and what events and entities are called.

Source: Snowplow, Enriched TSV file format; Canonical event model; Tracker protocol; e-commerce and consent schemas of
Iglu Central.
"""

# In the order of the enriched TSV, which has no header.
_ENRICHED = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid geo_country
geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain
ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery
page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium
refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action se_label
se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state tr_country
ti_orderid ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max
useragent br_name br_family br_version br_type br_renderengine br_lang br_features_pdf br_features_flash
br_features_java br_features_director br_features_quicktime br_features_realplayer br_features_windowsmedia
br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight os_name os_family
os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth dvce_screenheight doc_charset doc_width
doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base ti_currency ti_price_base base_currency geo_timezone
mkt_clickid mkt_network etl_tags dvce_sent_tstamp refr_domain_userid refr_device_tstamp derived_contexts
domain_sessionid derived_tstamp event_vendor event_name event_format event_version event_fingerprint true_tstamp
"""
COLUMNS = tuple(_ENRICHED.split())
# Columns of JSON; other forms of the enriched event have one for each schema instead: contexts_..., unstruct_event_...
JSON_COLUMNS = ("contexts", "derived_contexts", "unstruct_event")
# What columns of interactions say in full; the others stay in properties.
TAKEN = (
    "event_id", "collector_tstamp", "derived_tstamp", "true_tstamp", "user_id", "domain_userid", "mkt_campaign",
    "tr_orderid", "tr_total", "ti_orderid", "ti_sku", "ti_category", "ti_quantity",
)  # fmt: skip

# Parameter `e` of the tracker protocol -> column `event`.
TRACKED = {
    "pv": "page_view",
    "pp": "page_ping",
    "se": "struct",
    "ue": "unstruct",
    "tr": "transaction",
    "ti": "transaction_item",
}
# Column `event` -> our name, where no schema or category tells more.
EVENTS = {
    "page_view": "page",
    "page_ping": "page_ping",
    "transaction": "order_completed",
    "transaction_item": "transaction_item",
}
# Name of a self-describing event -> our name, where others have it, too.
SELF_DESCRIBING = {
    "page_view": "page",
    "screen_view": "screen",
    "add_to_cart": "product_added",
    "remove_from_cart": "product_removed",
    "site_search": "products_searched",
    "consent_preferences": "consent_stated",
    "consent_granted": "consent_stated",
    "consent_withdrawn": "consent_stated",
}
# Field `type` of a snowplow_ecommerce_action -> our name.
ECOMMERCE = {
    "product_view": "product_viewed",
    "add_to_cart": "product_added",
    "remove_from_cart": "product_removed",
    "list_view": "product_list_viewed",
    "list_click": "product_clicked",
    "checkout_step": "checkout_step_viewed",
    "transaction": "order_completed",
    "refund": "order_refunded",
    "promo_view": "promotion_viewed",
    "promo_click": "promotion_clicked",
}
# Entities that are looked into: our name -> vendor and name of the schema.
ENTITIES = {
    "products": ("com.snowplowanalytics.snowplow.ecommerce", "product"),
    "transactions": ("com.snowplowanalytics.snowplow.ecommerce", "transaction"),
    "refunds": ("com.snowplowanalytics.snowplow.ecommerce", "refund"),
    "documents": ("com.snowplowanalytics.snowplow", "consent_document"),
    "sessions": ("com.snowplowanalytics.snowplow", "client_session"),
    "robots": ("com.iab.snowplow", "spiders_and_robots"),
    "agents": ("nl.basjes", "yauaa_context"),
}
PLATFORMS = {
    "web": "web", "srv": "web", "mob": "app", "app": "app", "pc": "app", "tv": "app", "cnsl": "app", "iot": "app",
}  # fmt: skip

# Tables of details (one for each schema) name the event that they belong to.
ROOT_ID, ROOT_TIME = "root_id", "root_tstamp"
# Columns by which the details of an event about consent are known.
CONSENT_COLUMNS = ("consent_scopes", "elapsed_time")
