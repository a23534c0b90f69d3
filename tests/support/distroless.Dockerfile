# A stand-in for gcr.io/distroless/python3-debian13:nonroot, of the Debian packages that its project
# lists (github.com/GoogleContainerTools/distroless: {static,base,cc,python3}/config.bzl). It lacks
# what the function does not need: the certificate bundle and the dynamic linker's cache.

FROM debian:13-slim AS packages
WORKDIR /debs
RUN apt-get update && apt-get download \
    base-files netbase tzdata tzdata-legacy media-types \
    libc6 libssl3t64 libzstd1 zlib1g \
    libgomp1 libstdc++6 libgcc-s1 gcc-14-base \
    libbz2-1.0 libdb5.3t64 libexpat1 liblzma5 libsqlite3-0 libuuid1 \
    libncursesw6 libtinfo6 libcom-err2 libcrypt1 libc-bin \
    libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 \
    libnsl2 libreadline8t64 libtirpc3t64 libffi8 \
    libpython3.13-minimal libpython3.13-stdlib python3.13-minimal python3.13-venv
# Unpacked, not installed: what a package's scripts would do is not in the image. base-files has the
# links /bin, /lib and so on, and comes first.
RUN mkdir /new && for deb in base-files_*.deb *.deb; do dpkg-deb --extract "$deb" /new; done
WORKDIR /new
RUN ln -s /usr/bin/python3.13 usr/bin/python && ln -s /usr/bin/python3.13 usr/bin/python3 \
    && printf '%s\n' root:x:0:0:root:/root:/sbin/nologin \
        nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin \
        nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin >etc/passwd \
    && printf '%s\n' root:x:0: nobody:x:65534: nonroot:x:65532: >etc/group \
    && mkdir -p dev proc sys tmp && chmod 1777 tmp \
    && mkdir -m 700 home/nonroot && chown 65532:65532 home/nonroot

FROM scratch
COPY --from=packages /new /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    LANG=C.UTF-8
WORKDIR /home/nonroot
USER 65532
