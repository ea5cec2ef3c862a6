// Command ramble is a SIP softphone for the terminal that keeps registrations
// and calls alive while the machine's address changes.
package main

import (
	_ "embed"
	"os"

	"ramble/internal/app/cli"
)

//go:embed config.example.toml
var example string

func main() { os.Exit(cli.Execute(example)) }
