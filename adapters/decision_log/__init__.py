"""The log of decisions in an object store: Parquet by the hour, customers as sealed pseudonyms."""
