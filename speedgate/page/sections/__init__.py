"""The sections of the site: one module for each, which makes its tables and charts."""
