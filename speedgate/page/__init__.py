"""The page: a static site, single pictures and a local server, made from runs. Needs the extra
`page`."""
