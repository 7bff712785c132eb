"""Everything that awaits: transport, gateway, video, agent, knowledge, session."""
