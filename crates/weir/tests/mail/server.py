"""A mail server: aiosmtpd with a password, over TLS from the first byte or after STARTTLS.

Prints `port N` when it listens, then each mail as a line of JSON."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

implicit = sys.argv[1] == "implicit"
certificate, key, password = sys.argv[2:5]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


def say(line):
    print(line, flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        say(
            json.dumps(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "user": session.auth_data.login.decode(),
                    "tls": server.transport.get_extra_info("cipher") is not None,
                    "text": envelope.content.decode(),
                }
            )
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password.decode() == password, auth_data=data)


def smtp():
    # With TLS from the first byte the server cannot know that it has it.
    return SMTP(
        Handler(),
        hostname="localhost",
        tls_context=None if implicit else context,
        require_starttls=not implicit,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=not implicit,
    )


async def main():
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(smtp, "127.0.0.1", 0, ssl=context if implicit else None)
    say(f"port {listener.sockets[0].getsockname()[1]}")
    await listener.serve_forever()


asyncio.run(main())
