package sdp

import "strings"

// Descriptions in the shape that real phones and servers send.

func crlf(s string) []byte {
	return []byte(strings.ReplaceAll(strings.TrimLeft(s, "\n"), "\n", "\r\n"))
}

const baresip = `
v=0
o=- 2890844526 1 IN IP4 192.0.2.20
s=-
c=IN IP4 192.0.2.20
t=0 0
a=tool:baresip 4.1.0
m=audio 14222 RTP/AVP 96 9 0 8 101
b=AS:125
a=rtpmap:96 opus/48000/2
a=fmtp:96 stereo=1;sprop-stereo=1
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:14223
a=sendrecv
a=label:1
a=rtcp-rsize
a=ssrc:1234 cname:sip:bob@192.0.2.20
a=ptime:20
`

const asterisk = `
v=0
o=- 1712345678 4 IN IP4 198.51.100.7
s=Asterisk
c=IN IP4 198.51.100.7
t=0 0
m=audio 17802 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=maxptime:140
a=sendrecv
m=image 4321 udptl t38
a=T38FaxVersion:0
`

const linphone = `
v=0
o=alice 3422 2213 IN IP4 192.0.2.33
s=Talk
c=IN IP4 192.0.2.33
t=0 0
a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
a=record:off
m=audio 7078 RTP/AVPF 96 97 98 0 8 101 99 100
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 speex/16000
a=fmtp:97 vbr=on
a=rtpmap:98 speex/8000
a=rtpmap:101 telephone-event/48000
a=rtpmap:99 telephone-event/16000
a=rtpmap:100 telephone-event/8000
a=rtcp-fb:* trr-int 5000
a=rtcp-mux
m=video 9078 RTP/AVPF 96
a=rtpmap:96 VP8/90000
a=rtcp-fb:* ccm tmmbr
`

// A caller behind Kamailio, relayed by rtpengine: media-level c=, ICE left in.
const rtpengine = `
v=0
o=caller 1700000000 1700000001 IN IP4 10.0.0.5
s=-
t=0 0
m=audio 30544 RTP/AVP 8 0 101
c=IN IP4 203.0.113.9
a=rtpmap:8 PCMA/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv
a=rtcp:30545
a=ice-ufrag:abcd1234
a=ice-pwd:0123456789abcdef0123456789
a=candidate:1 1 UDP 2130706431 203.0.113.9 30544 typ host
a=candidate:1 2 UDP 2130706430 203.0.113.9 30545 typ host
`

const webrtc = `
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 0
c=IN IP4 0.0.0.0
a=rtpmap:111 opus/48000/2
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
`

// plain is the least that is a description; %s is the m= section.
func plain(section string) []byte {
	return crlf("v=0\no=x 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n" + section + "\n")
}
