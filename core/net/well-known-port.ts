/** Port of DNS over UDP and TCP (RFC 1035 §4.2). */
export const DNS_PORT = 53

/** Port of DNS over TLS (RFC 7858 §3.1). */
export const DNS_OVER_TLS_PORT = 853
