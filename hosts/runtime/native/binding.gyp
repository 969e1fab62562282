{
  "targets": [
    {
      "target_name": "portreeve",
      "sources": ["addon.c", "value.c", "clock.c", "service.c", "port.c", "port-set.c", "tun.c", "udp.c", "lane.c", "wireguard.c", "segments.c", "aead.c"],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      "cflags": ["-std=gnu11", "-O3", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Wno-cast-function-type", "-fstack-protector-strong"],
    },
  ],
}
