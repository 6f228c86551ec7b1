"""The web tier: the REST API, its documents, the pages, and the event streams.

    app            `create_app`: everything but the streams     wsgi     the same, for gunicorn
    streams        the event streams, a process of their own
    requests       what clients send        replies   what they get
    tokens errors  who sent a request, and what went wrong
    auth uploads store_links videos jobs render styles operations pages upload_video: one blueprint each

A view reads the request, calls what does the work, and answers.
"""
