package netwatch

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestRouteNumbers holds what is written down in routemsg.go against the system.
func TestRouteNumbers(t *testing.T) {
	for name, x := range map[string][2]int{
		"RTM_ADD": {rtmAdd, unix.RTM_ADD}, "RTM_DELETE": {rtmDelete, unix.RTM_DELETE}, "RTM_CHANGE": {rtmChange, unix.RTM_CHANGE},
		"RTM_NEWADDR": {rtmNewAddr, unix.RTM_NEWADDR}, "RTM_DELADDR": {rtmDelAddr, unix.RTM_DELADDR}, "RTM_IFINFO": {rtmIfInfo, unix.RTM_IFINFO},
		"RTF_LLINFO": {rtfLLInfo, unix.RTF_LLINFO}, "RTF_WASCLONED": {rtfWasCloned, unix.RTF_WASCLONED},
		"IFF_UP": {iffUp, unix.IFF_UP}, "IFF_RUNNING": {iffRunning, unix.IFF_RUNNING},
		"RTAX_IFP": {rtaxIFP, unix.RTAX_IFP}, "RTAX_IFA": {rtaxIFA, unix.RTAX_IFA},
		"AF_INET": {afInet, unix.AF_INET}, "AF_LINK": {afLink, unix.AF_LINK}, "AF_INET6": {afInet6, unix.AF_INET6},
		"if_msghdr": {ifMsgHdr, unix.SizeofIfMsghdr}, "ifa_msghdr": {ifaMsgHdr, unix.SizeofIfaMsghdr}, "rt_msghdr": {rtMsgHdr, unix.SizeofRtMsghdr},
	} {
		if x[0] != x[1] {
			t.Errorf("%s is %#x here, %#x in routemsg.go", name, x[1], x[0])
		}
	}
}

func TestRouteFeed(t *testing.T) {
	f, err := openRoute()
	if err != nil {
		t.Fatal(err)
	}
	l := f.(*routeFeed).links
	if l[1].name != "lo0" {
		t.Errorf("the interfaces are %v", l)
	}
	ended := make(chan error, 1)
	go func() {
		for {
			if err := f.receive(func(Reason) {}); err != nil {
				ended <- err
				return
			}
		}
	}()
	f.Close()
	<-ended
}
