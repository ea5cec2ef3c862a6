// Package lab is a small internet made of network namespaces, in which real
// phones and real servers are run, watched and moved between networks. It is
// for Linux, needs root or user namespaces, and touches nothing outside the
// namespaces that it made.
//
//	        wlan0 10.1.0.2 --- 10.1.0.1 \
//	phone                                 core --- 10.9.0.2 pbx
//	        wwan0 10.2.0.2 --- 10.2.0.1 /     \--- 10.8.0.2 callee
//
// IPv6 runs beside it: fd01:: and fd02:: for the phone's uplinks, fd09::2 for
// the pbx, fd08::2 for the callee. core forwards, and drops what comes from an
// uplink with another uplink's source, as access networks do. More phones
// (Options.Phones) are hosts of their own, phone2 with 10.21.0.2 and 10.22.0.2
// and so on; Lab.Phone gives the verbs of each. Access says what an uplink
// offers: one family or both, a NAT, a NAT64.
//
// The namespaces have no names. They live as long as somebody holds them: the
// process of the lab and the programs that it started, which the kernel ends
// with it. So nothing is left behind, even by a lab that was killed, except
// its folder, which the next lab sweeps away.
//
//	verbs       Take, by the words of drill scenarios; Stall, Flow move.go
//	phones      Phone(n), Uplink, Address, Wire                    handset.go
//	programs    Exec, Kamailio, Baresip, Linphone, SIPp, Ramble    exec.go ...
//	services    STUN (coturn), DNS (dnsmasq)                       services.go
//	translators Outer, Rebind, Below64 (nftables, tayga)           nat.go nat64.go
//	links       delay, jitter, loss, duplicates, reordering        wire.go
//	figures     from packets, never from what a program says       capture.go figures.go
package lab
