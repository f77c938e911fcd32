"""The ClickHouse client, its wire formats, and the schema of the database."""
