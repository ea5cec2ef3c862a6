package words

import (
	"fmt"
	"net/netip"
	"strings"

	"ramble/internal/leaf/phone"
)

// Facts are several facts in one clause.
func Facts(list []phone.Fact) string {
	var all []string
	for _, f := range list {
		all = append(all, Fact(f))
	}
	return strings.Join(all, ", ")
}

// Fact is one fact as a clause without a full stop.
func Fact(f phone.Fact) string {
	text := reason(f)
	switch {
	case text != "":
	case f.Kind < phone.NoConnection:
		text = step(f)
	default:
		text = failure(f)
	}
	return text + afterwards(f)
}

// reason is what made a roam begin.
// Long: one line for each kind.
func reason(f phone.Fact) string {
	where := place(f)
	switch f.Kind {
	case phone.Recorded:
		return f.Text
	case phone.FirstLook:
		return "first look"
	case phone.InterfaceCame:
		return f.Iface + " appeared"
	case phone.InterfaceWent:
		return f.Iface + " is gone"
	case phone.InterfaceUp:
		return f.Iface + " is up"
	case phone.InterfaceDown:
		return f.Iface + " is down"
	case phone.AddressCame:
		return f.Iface + " has " + f.Addr.String()
	case phone.AddressWent:
		return f.Iface + " lost " + f.Addr.String()
	case phone.AddressFlagged:
		return where + " is " + f.Text
	case phone.PathFound:
		return "path found: " + where
	case phone.PathWent:
		return "no path any more, it was " + f.Text
	case phone.PathMoved:
		return "path moved from " + f.Text + " to " + where
	case phone.PathBack:
		return where + " is back after a loss"
	case phone.HopMoved:
		return where + " has another next hop, " + f.Text
	case phone.SocketFailed:
		return strings.TrimSpace("a socket failed on "+where) + because(f.Text)
	case phone.Slept:
		return "the machine slept for " + whole(f.For)
	case phone.AskedToLook:
		return "asked to look"
	default: // the rest
		return otherReason(f)
	}
}

// Long: one line for each kind.
func otherReason(f phone.Fact) string {
	switch f.Kind {
	case phone.AskedToFollow:
		return "you asked to follow the network"
	case phone.AskedToRoam:
		return "you asked to act as if the network changed"
	case phone.AskedToRestart:
		return "you asked to restart everything"
	case phone.LastResort:
		return "nothing answers, everything is restarted"
	case phone.NoServerHere:
		return "no server answers on this path"
	case phone.ServerFailed:
		return f.Text + because(Fault(f.Fault))
	case phone.TryingServer:
		return "trying " + f.Text
	case phone.PeerMovedTo:
		return "the other side is at " + f.At.Addr().String()
	case phone.SeenByServer:
		return seen("the server sees", f)
	case phone.SeenBySTUN:
		return seen("the STUN server sees", f)
	case phone.MediaSeenBySTUN:
		return seen("the STUN server sees the media at", f)
	case phone.StackLost:
		return or(Fault(f.Fault), "the connection was lost")
	case phone.OldPathGone:
		if !f.Addr.IsValid() {
			return "the old path is gone"
		}
		return place(f) + " is lost"
	case phone.CallFromBefore:
		return "the call began on the old path"
	case phone.AnsweredBefore:
		return "the call was answered on the old path"
	case phone.ServerIsBack:
		return "the server can be reached again"
	case phone.RegisteredAgain:
		return "registered again"
	case phone.OneMoreTry:
		return "the call can be tried once more"
	case phone.Silent:
		return "no audio for " + Duration(f.For)
	case phone.SilentServerThere:
		return "no audio for " + Duration(f.For) + ", the server answers" + because(f.Text)
	default: // it is no reason
		return ""
	}
}

func seen(who string, f phone.Fact) string {
	return who + " " + f.At.String() + ", was " + f.Was.String()
}

// step is what a step of a roam tells.
// Long: one line for each kind.
func step(f phone.Fact) string {
	switch f.Kind {
	case phone.OnPath:
		return place(f)
	case phone.NoNetworkYet:
		return "waiting for a network"
	case phone.GoesOn:
		return "goes on"
	case phone.BegunAnew:
		return "begun anew"
	case phone.CallOver:
		return "the call is over"
	case phone.Overtaken:
		return "overtaken by a newer change"
	case phone.Unfinished:
		return "not finished"
	case phone.Opened:
		return or(f.Text, place(f))
	case phone.Sent:
		if f.Tries > 1 {
			return fmt.Sprintf("%s sent, attempt %d", f.Method, f.Tries)
		}
		return f.Method + " sent"
	case phone.Accepted:
		if f.Text == "" && f.Method == "INVITE" {
			return "INVITE answered"
		}
		return or(f.Text, f.Method+" 200 OK")
	case phone.NotListed:
		return or(f.Text, f.Method+" 200 OK") + ", but this phone is not listed"
	case phone.RequestFault:
		return request(f)
	case phone.CallLost:
		return request(f) + ": the call is lost"
	case phone.AudioThere:
		return "audio is there"
	case phone.AudioMayBeOff:
		return "no audio yet, the other side may send none"
	case phone.NoAudio:
		return "no audio for " + Duration(f.For)
	case phone.FirstPacket:
		if !f.Gap.Measured {
			return "packets in, no audio was due"
		}
		return "audio in, " + Gap(f.Gap)
	case phone.Recovered:
		text := "Recovered in " + Duration(f.For)
		if f.Gap.Measured {
			text += "; " + Gap(f.Gap)
		}
		return text
	case phone.MediaFault:
		return Fault(f.Fault)
	case phone.HungUpFirst:
		return "done after " + Duration(f.For) + ", the call was over before it was whole"
	default: // it is no step
		return ""
	}
}

// failure is why a roam failed.
func failure(f phone.Fact) string {
	switch f.Kind {
	case phone.NoConnection:
		return "no connection on " + place(f) + ": " + or(Fault(f.Fault), "no answer")
	case phone.NotRegistered:
		return request(f) + "; not registered, calls go on"
	case phone.CallEnded:
		return "ended, there was no network for " + Duration(f.For)
	case phone.CallGivenUp:
		return request(f)
	case phone.CallBlocked:
		return "it could not be refreshed, its media or another offer stood in the way"
	case phone.CallNoAnswer:
		return fmt.Sprintf("%s: no answer yet to attempt %d", f.Method, f.Tries)
	case phone.CallNoAudio:
		return "no audio arrives at the new address"
	case phone.CallNoSocket:
		return "no media socket on " + place(f) + because(Fault(f.Fault))
	case phone.NoNetworkLeft:
		return "no network for " + Duration(f.For)
	case phone.Unneeded:
		return "nobody needs it any more"
	case phone.ProvenOn:
		return "proven on " + place(f)
	default: // it has words elsewhere
		return ""
	}
}

// request is a request and what became of it.
func request(f phone.Fact) string {
	text := f.Method
	switch said := Fault(f.Fault); {
	case f.Fault.Kind == phone.FaultResponse:
		text += " " + said
	case said != "":
		text += ": " + said
	}
	if f.Tries > 1 {
		text += fmt.Sprintf(", %d tries", f.Tries)
	}
	return text
}

// afterwards is what comes after a fact by itself.
func afterwards(f phone.Fact) string {
	switch f.Then {
	case phone.TryAgain:
		if f.Wait <= 0 {
			return ", again at once"
		}
		return ", again in " + Duration(f.Wait)
	case phone.TryAsAsked:
		return ", again as you asked"
	case phone.TryWithoutOld:
		return ", again without the old binding"
	case phone.TryOwnAddress:
		return ", again under the phone's own address"
	case phone.AfterRegister:
		return ", again after the REGISTER"
	case phone.StaysOnOldPath:
		return ", the early media stay on the old path"
	case phone.LookElsewhere:
		return ", the peer may have moved too"
	case phone.RefreshOnce:
		return ", refreshing once more"
	case phone.NotFollowed:
		return "; not followed, it moves all the time"
	case phone.TriesGoOn:
		return "; it is tried further"
	default: // nothing does
		return ""
	}
}

// Gap is what a roam cost one call.
func Gap(c phone.RoamCall) string {
	text := fmt.Sprintf("gap in %s, out %s", Duration(c.GapIn), Duration(c.GapOut))
	switch c.LostIn {
	case 0:
		return text + ", nothing lost"
	case 1:
		return text + ", 1 packet lost"
	default:
		return text + fmt.Sprintf(", %d packets lost", c.LostIn)
	}
}

// place is an address and its interface: "lte0 10.20.30.40".
func place(f phone.Fact) string {
	addr := ""
	if f.Addr != (netip.Addr{}) {
		addr = f.Addr.String()
	}
	return or(strings.TrimSpace(f.Iface+" "+addr), "no network")
}

// clause is a sentence of another room, fit to stand within one of ours.
func clause(text string) string {
	text = Bare(text)
	for _, article := range []string{"The ", "A ", "No ", "Its "} {
		if strings.HasPrefix(text, article) {
			return strings.ToLower(text[:1]) + text[1:]
		}
	}
	return text
}

// or is text, or what stands for it where it is empty.
func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}
