"""Purchases in files, as shops and spreadsheets write them, read in constant memory."""

from adapters.purchase_files.mapping import PROFILES as PROFILES
from adapters.purchase_files.mapping import FileMapping as FileMapping
from adapters.purchase_files.mapping import read_mapping as read_mapping
from adapters.purchase_files.opening import FileOptions as FileOptions
from adapters.purchase_files.opening import open_purchase_file as open_purchase_file
from adapters.purchase_files.purchases import PurchaseFile as PurchaseFile
