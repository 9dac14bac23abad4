"""What services say to each other and to the world: a folder an owner.

In each, ``events`` and ``topics`` are public: any service may subscribe. ``internal`` is for the owner's own services.
``registry`` declares all of the owner's topics, ``examples/`` holds one golden message a topic, and ``schemas/`` the
JSON Schema that readers rely on.
"""
