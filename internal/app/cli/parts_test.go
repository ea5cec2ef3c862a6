package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ramble/internal/app/config"
	"ramble/sip/locate"
	"ramble/sip/siptest"
)

func TestTransportOfAnAccount(t *testing.T) {
	for _, tt := range []struct {
		name, lines string
		want        locate.Transport
	}{
		{"what DNS offers, where nothing is said", "", locate.Auto},
		{"the account's", `transport = "tls"`, locate.TLS},
		{"the account's, over its server's", "transport = \"tcp\"\nregistrar = \"sip:x;transport=udp\"", locate.TCP},
		{"the proxy's, over the registrar's", "proxy = \"sip:p;transport=tls\"\nregistrar = \"sip:x;transport=udp\"", locate.TLS},
		{"TLS for an account with sips: on its way", `registrar = "sips:x"`, locate.TLS},
		{"the registrar's", `registrar = "sip:x;transport=udp"`, locate.UDP},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := config.Parse("test", []byte("[[account]]\nuri = \"sip:alice@example.com\"\n"+tt.lines))
			if err != nil {
				t.Fatal(err)
			}
			if got := transport(&c.Accounts[0]); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestTrust(t *testing.T) {
	home := t.TempDir()
	getenv := func(string) string { return home }
	ca := filepath.Join(home, "ca.pem")
	load := func(t *testing.T) *config.Config {
		t.Helper()
		c, err := config.Parse("test", []byte("[[account]]\nuri = \"sips:alice@example.com\"\n[[account]]\nuri = \"sip:bob@example.com\"\ntls_ca = \"~/ca.pem\""))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	complains := func(t *testing.T, what string) {
		t.Helper()
		if _, err := trust(load(t), getenv); err == nil || !strings.Contains(err.Error(), "account[1].tls_ca") || !strings.Contains(err.Error(), what) {
			t.Errorf("got %v", err)
		}
	}
	t.Run("a file that is not there is a mistake of the configuration", func(t *testing.T) { complains(t, "no such file") })
	t.Run("a file without certificates is one too", func(t *testing.T) {
		if err := os.WriteFile(ca, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		complains(t, "no certificate")
	})
	t.Run("a CA is added for its account alone", func(t *testing.T) {
		certified, err := siptest.Certify("example.com")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ca, certified.PEM, 0o600); err != nil {
			t.Fatal(err)
		}
		pools, err := trust(load(t), getenv)
		if err != nil || pools[0] != nil || pools[1] == nil {
			t.Errorf("%v, %v", pools, err)
		}
	})
	t.Run("sips: stays sips:", func(t *testing.T) {
		s := &Session{Config: load(t)}
		if a := engineAccount(s, &s.Config.Accounts[0]); a.SIP.AOR.String() != "sips:alice@example.com" {
			t.Error(a.SIP.AOR)
		}
	})
}
