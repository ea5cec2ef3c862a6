package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ramble/internal/app/config"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Find, check, show and begin the configuration",
		Args:  nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		&cobra.Command{Use: "path", Short: "Print where files are", Args: nothing, RunE: p.configPath},
		&cobra.Command{Use: "check", Short: "Check the file; every mistake is named with its line", Args: nothing, RunE: p.configCheck},
		&cobra.Command{Use: "show", Short: "Print every setting and where it comes from", Args: nothing, RunE: p.configShow},
		p.configExample(),
	)
	return cmd
}

func (p *program) configPath(cmd *cobra.Command, _ []string) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	log := config.Default()
	if c, err := p.load(paths); err == nil {
		log = *c
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "config\t%s\n", paths.Config)
	fmt.Fprintf(w, "state\t%s\n", paths.State)
	fmt.Fprintf(w, "log\t%s\n", paths.LogFile(&log, p.getenv))
	return w.Flush()
}

func (p *program) configCheck(cmd *cobra.Command, _ []string) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	c, err := p.load(paths)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s is in order.\n", c.Path())
	for _, a := range c.Accounts {
		state := "enabled"
		if !a.Enabled {
			state = "switched off"
		}
		fmt.Fprintf(out, "  account %s: %s, %s, password %s\n", a.Name, a.URI, state, a.Password)
	}
	return nil
}

func (p *program) configShow(cmd *cobra.Command, _ []string) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	c, err := p.load(paths)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, s := range c.Show() {
		fmt.Fprintf(w, "%s\t%s\t# %s\n", s.Key, s.Value, s.Origin)
	}
	return w.Flush()
}

func (p *program) configExample() *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:   "example",
		Short: "Print a commented configuration, or write it to its place",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !write {
				_, err := fmt.Fprint(cmd.OutOrStdout(), p.example)
				return err
			}
			paths, err := p.paths()
			if err != nil {
				return err
			}
			if err := config.WriteNew(paths.Config, []byte(p.example)); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s\nPut your address and password in, then: ramble config check\n", paths.Config)
			return err
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "write it to its place, never over a file that is there")
	return cmd
}
