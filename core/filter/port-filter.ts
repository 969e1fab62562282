/** What a resource lets through. Ports are inclusive and ignored for `icmp`, which permits all ICMP (protocol.md §5). */
export interface PortFilter {
  protocol: 'tcp' | 'udp' | 'icmp'
  portStart: number
  portEnd: number
}
