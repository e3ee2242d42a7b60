hosts after=files kedge [!UNAVAIL=return]
