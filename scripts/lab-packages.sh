#!/bin/sh
# Install the programs that the lab drives: a real proxy and real phones.
#
# Run as root on Debian or Ubuntu; running it again changes nothing. Servers
# are kept down while they install: the lab starts its own, inside network
# namespaces, and wants no second Kamailio on the host.
set -eu

# Kept beside internal/proof/lab: what each package is for.
#   kamailio, kamailio-tls-modules  proxy and registrar
#   baresip-core                    a phone that talks, plays and records
#   sip-tester                      SIPp, scripted user agents
#   linphone-cli                    another phone, measured beside ours
#   nftables, tayga                 NAT and NAT64 of an uplink
#   coturn                          STUN server
#   dnsmasq-base                    DNS, where the proxy is known by name
#   asterisk-core-sounds-en-wav     natural speech, for `make bench-media`
#   tmux                            a terminal for the phone's screen
packages="kamailio kamailio-tls-modules baresip-core sip-tester linphone-cli
	nftables tayga coturn dnsmasq-base asterisk-core-sounds-en-wav tmux"

missing=""
for package in $packages; do
	state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
	[ "$state" = "install ok installed" ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
	echo "lab packages: all there"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "lab packages: root needed to install:$missing" >&2
	exit 1
fi

# invoke-rc.d asks policy-rc.d before it starts anything; 101 says no. A policy
# that was there before is the machine's own and is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
	trap 'exit 1' INT TERM
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of words is meant
apt-get install -q -y --no-install-recommends $missing
