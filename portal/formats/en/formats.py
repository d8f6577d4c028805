"""How Django's own pages, the staff's above all, write times: unambiguous and with their zone.

Source: docs.djangoproject.com/en/5.2/topics/i18n/formatting/#creating-custom-format-files
"""

DATETIME_FORMAT = "d M Y H:i:s T"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
