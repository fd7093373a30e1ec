"""A TLS front before a plain address, as an operator would put one before Skein:
AWS's Python SDK sends a bearer key over HTTPS only. Usage: tlsfront.py DIR PORT
UPSTREAM; it serves on 127.0.0.1:PORT with the certificate it makes in DIR/cert.pem."""

import asyncio
import ssl
import subprocess
import sys


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the other end has gone; so does this one
    finally:
        writer.close()


async def main(folder, port, upstream):
    cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    host, at = upstream.split(":")

    async def serve(reader, writer):
        up_reader, up_writer = await asyncio.open_connection(host, int(at))
        await asyncio.gather(pipe(reader, up_writer), pipe(up_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
