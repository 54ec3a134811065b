"""The embedded target: a stand-in VA.gov page, an assessment app, and a panel that breaks them."""
