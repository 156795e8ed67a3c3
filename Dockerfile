# docker build -t bmcmd .
# docker run -v /etc/bmcmd:/etc/bmcmd:ro -v /run/secrets:/run/secrets:ro bmcmd
#
# The image holds one static binary, the authorities that TLS trusts, and time
# zones: no shell, no package manager, nobody to log in as.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/bmcmd ./cmd/bmcmd

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip
ENV ZONEINFO=/usr/share/zoneinfo.zip
COPY --from=build /out/bmcmd /bmcmd
USER 65532:65532
ENTRYPOINT ["/bmcmd"]
CMD ["serve", "-c", "/etc/bmcmd/bmcmd.yaml"]
