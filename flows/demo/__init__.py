"""The demo: real shop data become customer knowledge and next best benefits."""
